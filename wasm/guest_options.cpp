#include <weft/wasm/guest_options.hpp>

namespace weft::wasm {

child_programs::child_programs(std::initializer_list<child_program> programs)
    : child_programs(std::vector<child_program>(programs)) {}

child_programs::child_programs(std::vector<child_program> programs)
    : list_(programs.empty() ? nullptr : std::make_shared<const std::vector<child_program>>(std::move(programs))) {}

const child_program* child_programs::begin() const noexcept { return list_ ? list_->data() : nullptr; }

const child_program* child_programs::end() const noexcept { return list_ ? list_->data() + list_->size() : nullptr; }

stdio stdio::null() { return stdio(source::null); }

stdio stdio::inherit() { return stdio(source::inherited); }

stdio stdio::inherit_lines() {
  stdio s(source::inherited);
  s.by_line_ = true;
  return s;
}

stdio stdio::descriptor(int fd) {
  stdio s(source::descriptor);
  s.fd_ = fd;
  return s;
}

stdio stdio::descriptor_lines(int fd) {
  stdio s = descriptor(fd);
  s.by_line_ = true;
  return s;
}

stdio stdio::capture(std::string& into) {
  stdio s(source::capture);
  s.target_ = &into;
  return s;
}

stdio stdio::text(std::string_view content) {
  stdio s(source::text);
  s.content_ = content;
  return s;
}

}  // namespace weft::wasm
