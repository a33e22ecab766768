#include <weft/io/hooks/detail/openssl_errors.hpp>

#include <new>
#include <string>
#include <vector>

// There if the program has them.
extern "C" {
[[gnu::weak]] void* ERR_get_state();
[[gnu::weak]] unsigned long ERR_peek_error();
[[gnu::weak]] unsigned long ERR_get_error_all(const char** file, int* line, const char** function, const char** data,
                                              int* flags);
[[gnu::weak]] void ERR_clear_error();
[[gnu::weak]] void ERR_new();
[[gnu::weak]] void ERR_set_debug(const char* file, int line, const char* function);
[[gnu::weak]] void ERR_set_error(int library, int reason, const char* format, ...);
}

namespace weft::io::hooks {

namespace {

// As ERR_set_error() takes it apart again (openssl/err.h).
constexpr unsigned long system_flag = 1UL << 31;
constexpr int system_library = 2;
constexpr unsigned library_shift = 23;

bool has_openssl() noexcept { return &ERR_peek_error != nullptr && &ERR_set_error != nullptr; }

}  // namespace

// Whether the calling thread has its queue: from then on nothing that is asked about it sets anything up. OpenSSL answers a question before that,
// too, while it is at it ("no error"), so an answer is not enough.
bool openssl_errors::has_queue() noexcept {
  thread_local bool is_there = false;
  if (!is_there && pauses_.load(std::memory_order_seq_cst) == 0) {
    is_there = &ERR_get_state != nullptr && ERR_get_state() != nullptr;
  }
  return is_there;
}

// ERR_peek_error(), or no error.
unsigned long openssl_errors::first() noexcept {
  if (!has_openssl()) return 0;
  return has_queue() || pauses_.load(std::memory_order_seq_cst) == 0 ? ERR_peek_error() : 0;
}

struct openssl_errors::list {
  struct error {
    unsigned long code;
    std::string file;
    int line;
    std::string function;
    std::string data;
  };
  std::vector<error> errors;
};

void openssl_errors::free_list::operator()(list* errors) const noexcept { delete errors; }

void openssl_errors::take() noexcept {
  if (first() == 0) [[likely]]
    return;
  try {
    errors_.reset(new list);
    const char* file = "";
    const char* function = "";
    const char* data = "";
    int line = 0;
    int flags = 0;
    while (const unsigned long code = ERR_get_error_all(&file, &line, &function, &data, &flags)) {
      errors_->errors.push_back({code, file, line, function, data});
    }
  } catch (const std::bad_alloc&) {  // errors are lost, not invented
    ERR_clear_error();
  }
}

void openssl_errors::put_back() noexcept {
  if (first() != 0) [[unlikely]]
    ERR_clear_error();
  if (!errors_) [[likely]]
    return;
  for (const list::error& e : errors_->errors) {
    const bool of_system = (e.code & system_flag) != 0;
    const auto library = of_system ? system_library : static_cast<int>((e.code >> library_shift) & 0xff);
    const auto reason = static_cast<int>(e.code & (of_system ? system_flag - 1 : (1UL << library_shift) - 1));
    ERR_new();
    ERR_set_debug(e.file.c_str(), e.line, e.function.c_str());
    ERR_set_error(library, reason, e.data.empty() ? nullptr : "%s", e.data.c_str());
  }
}

}  // namespace weft::io::hooks
