// A host with a plugin that is exchanged while it runs: whenever the file is written anew, the module is compiled and the
// next call goes to it; calls under way end where they began, and a file that is no good leaves the old one in place.
//
//   plugin_host PLUGIN.wasm                        asks for a price each second
//   plugin_host --self-test FIRST.wasm SECOND.wasm
#include <weft/io/file.hpp>
#include <weft/io/filesystem.hpp>
#include <weft/io/temporary.hpp>
#include <weft/io/watch.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <weft/wasm/wasm.hpp>

namespace {

using namespace std::chrono_literals;
namespace wasm = weft::wasm;

// What the plugin may call.
wasm::host_functions shop() {
  wasm::host_functions host;
  host.add_immediate("shop", "discount", [](int pieces) { return pieces >= 5 ? 50 : 0; });
  host.add("shop", "log", [](wasm::caller& from, std::uint32_t text, std::uint32_t length) {
    std::printf("plugin: %s\n", from.memory().text(text, length).c_str());
  });
  return host;
}

class plugin_host {
 public:
  explicit plugin_host(std::filesystem::path file) : file_(std::move(file)) { load(); }

  // Each call takes the plugin of this moment; the pool of the old one ends with its last call.
  std::string price(int pieces) {
    const std::shared_ptr<wasm::instance_pool> now = current();
    auto plugin = now->acquire();
    return std::to_string(pieces) + " pieces by tariff " + std::to_string(plugin->call<int()>("tariff")) + " cost " +
           std::to_string(plugin->call<int(int)>("price", pieces));
  }

  // Looks for new versions until it is cancelled. `tried` is told of each attempt.
  void watch(const std::function<void()>& tried) {
    weft::io::watcher changes(file_.parent_path());
    while (const auto event = changes.next()) {
      const bool complete = event->what == weft::io::change::closed || event->what == weft::io::change::renamed_to;
      if (!complete || event->name != file_.filename()) continue;
      try {
        load();
      } catch (const std::exception& e) {
        std::printf("kept the old one: %s\n", e.what());
      }
      tried();
    }
  }

 private:
  void load() {
    auto fresh = std::make_shared<wasm::instance_pool>(
        engine_.load(file_), wasm::guest_options{.functions = functions_}, wasm::pool_options{.size = 4});
    const std::lock_guard guard(mutex_);
    plugin_.swap(fresh);
  }

  std::shared_ptr<wasm::instance_pool> current() {
    const std::lock_guard guard(mutex_);
    return plugin_;
  }

  const std::filesystem::path file_;
  const wasm::host_functions functions_ = shop();
  wasm::engine engine_;
  weft::mutex mutex_;
  std::shared_ptr<wasm::instance_pool> plugin_;
};

int self_test(const std::string& first, const std::string& second) {
  const weft::io::temporary_directory folder;
  const std::filesystem::path file = folder.path() / "plugin.wasm";
  const auto install = [&file](const std::string& content) { weft::io::replace_file(file, content); };
  install(weft::io::read_file(first));
  plugin_host host(file);
  std::puts(host.price(7).c_str());
  weft::auto_reset_event tried;
  weft::group g;
  g.spawn_daemon([&] { host.watch([&tried] { tried.set(); }); });
  // The watch may begin after a change, so that it is made until it was seen.
  const auto exchange = [&](const std::string& content) {
    do install(content);
    while (!tried.wait_for(500ms));
  };
  exchange(weft::io::read_file(second));
  std::puts(host.price(7).c_str());
  exchange("no plugin at all");
  std::puts(host.price(3).c_str());
  return 0;
}

int run(const std::string& file) {
  plugin_host host(std::filesystem::absolute(file));
  weft::group g;
  g.spawn_daemon([&] { host.watch([] {}); });
  for (int pieces = 1;; ++pieces) {
    std::puts(host.price(pieces).c_str());
    weft::sleep_for(1s);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool testing = argc == 4 && std::string(argv[1]) == "--self-test";
  if (!testing && argc != 2) {
    std::fputs("usage: plugin_host PLUGIN.wasm\n", stderr);
    return 2;
  }
  try {
    return weft::run([&] { return testing ? self_test(argv[2], argv[3]) : run(argv[1]); });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "plugin_host: %s\n", e.what());
    return 1;
  }
}
