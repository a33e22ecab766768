// A compiled module: a cheap, shared, immutable handle. It keeps alive what it needs of its engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace weft::wasm {

class engine;
namespace detail {
class engine_core;
class module_core;
class program;
}  // namespace detail

// A function, memory, table or global that a module takes from outside or gives away.
struct module_item {
  std::string module;  // of an import: the module it names
  std::string name;
  // For functions "parameters:results", a letter each: i I f F for i32 i64 f32 f64, ? for anything else. Otherwise
  // "memory", "table", "global" or "tag".
  std::string kind;
};

class module {
 public:
  // The name it was compiled under; for files the last part of the path.
  [[nodiscard]] const std::string& name() const noexcept;

  [[nodiscard]] std::vector<module_item> imports() const;
  [[nodiscard]] std::vector<module_item> exports() const;

  // The imports that the host does not provide; a guest can be made of the module if there are none. Any thread.
  [[nodiscard]] std::vector<module_item> missing_imports() const;

 private:
  friend class engine;
  friend class detail::program;
  explicit module(std::shared_ptr<detail::module_core> core) noexcept : core_(std::move(core)) {}

  std::shared_ptr<detail::module_core> core_;
};

}  // namespace weft::wasm
