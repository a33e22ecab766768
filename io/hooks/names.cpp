// Names of hosts. They are looked up by the C library itself, with all that nsswitch.conf says, on a helper thread while the fiber is parked; what needs no
// question (a numeric address, none at all) is answered on the spot.
//
// Nothing cuts such a call short. A fiber that is cancelled leaves it behind, so it works on copies of the arguments, and what it has found is given to the
// caller by the caller only.
#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weft/io/hooks/detail/detached.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::getaddrinfo), "getaddrinfo"> real_getaddrinfo;
constexpr real_function<decltype(::getnameinfo), "getnameinfo"> real_getnameinfo;
constexpr real_function<decltype(::gethostbyname_r), "gethostbyname_r"> real_gethostbyname_r;
constexpr real_function<decltype(::gethostbyname2_r), "gethostbyname2_r"> real_gethostbyname2_r;
constexpr real_function<decltype(::gethostbyaddr_r), "gethostbyaddr_r"> real_gethostbyaddr_r;
constexpr real_function<decltype(::gethostbyname), "gethostbyname"> real_gethostbyname;
constexpr real_function<decltype(::gethostbyname2), "gethostbyname2"> real_gethostbyname2;

// What needs nobody to ask.
bool is_answered_at_once(const char* node, const addrinfo* hints) noexcept {
  if (node == nullptr || (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0)) return true;
  std::array<std::byte, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, node, address.data()) == 1 || ::inet_pton(AF_INET6, node, address.data()) == 1;
}

// ---- the resolver's newer calls: a code of their own, and EAI_SYSTEM for an errno

class resolver_call : public detachable_call {
 public:
  // The code to return, with errno set where it says so.
  [[nodiscard]] int code() const {
    if (code_ == EAI_SYSTEM) leave_with(error_);
    return code_;
  }

 protected:
  [[gnu::noinline]] void set(int code) noexcept {
    code_ = code;
    error_ = code == EAI_SYSTEM ? negative_errno() : 0;
  }

 private:
  int code_ = 0;
  std::int64_t error_ = 0;
};

int system_error(std::int64_t error) {
  leave_with(error);
  return EAI_SYSTEM;
}

class address_lookup final : public resolver_call {
 public:
  address_lookup(const char* node, const char* service, const addrinfo* hints) : node_(node) {
    if (service != nullptr) service_ = service;
    if (hints != nullptr) hints_ = *hints;
  }
  ~address_lookup() override {
    if (found_ != nullptr) ::freeaddrinfo(found_);
  }
  address_lookup(const address_lookup&) = delete;
  address_lookup& operator=(const address_lookup&) = delete;

  [[nodiscard]] addrinfo* take() noexcept { return std::exchange(found_, nullptr); }

 private:
  void run() noexcept override {
    set(real_getaddrinfo(node_.c_str(), service_ ? service_->c_str() : nullptr, hints_ ? &*hints_ : nullptr, &found_));
  }

  const std::string node_;
  std::optional<std::string> service_;
  std::optional<addrinfo> hints_;
  addrinfo* found_ = nullptr;
};

class name_lookup final : public resolver_call {
 public:
  name_lookup(const sockaddr* address, socklen_t size, socklen_t host_size, bool with_service, socklen_t service_size,
              int flags)
      : address_(size), host_(host_size), flags_(flags) {
    std::memcpy(address_.data(), address, size);
    if (with_service) service_.resize(service_size);
  }

  void copy_to(char* host, char* service) const noexcept {
    copy(host_, host);
    copy(service_, service);
  }

 private:
  static void copy(const std::vector<char>& text, char* to) noexcept {
    if (!text.empty()) std::copy_n(text.data(), ::strnlen(text.data(), text.size() - 1) + 1, to);
  }
  void run() noexcept override {
    set(real_getnameinfo(reinterpret_cast<const sockaddr*>(address_.data()), static_cast<socklen_t>(address_.size()),
                         host_.data(), static_cast<socklen_t>(host_.size()),
                         service_.empty() ? nullptr : service_.data(), static_cast<socklen_t>(service_.size()),
                         flags_));
  }

  std::vector<std::byte> address_;
  std::vector<char> host_;
  std::vector<char> service_;
  const int flags_;
};

// ---- the older ones: a hostent whose parts stand in a buffer

struct host_question {
  enum class kind : std::uint8_t { name, name_of_family, address } asked;
  const char* text;
  std::size_t size;
  int family = AF_UNSPEC;
};

constexpr std::size_t alignment = alignof(std::max_align_t);

// As far from a boundary as the caller's buffer is, so that what fits into one fits into the other.
class room {
 public:
  room(std::size_t size, const char* like) : memory_(size + alignment), begin_(memory_.data()), size_(size) {
    const auto offset = reinterpret_cast<std::uintptr_t>(like) - reinterpret_cast<std::uintptr_t>(memory_.data());
    begin_ += offset % alignment;
  }
  [[nodiscard]] char* begin() noexcept { return begin_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Where something of ours is in the caller's copy; what stands elsewhere stays there.
  template <class T>
  T* moved(T* place, char* to) const noexcept {
    const auto offset = reinterpret_cast<std::uintptr_t>(place) - reinterpret_cast<std::uintptr_t>(begin_);
    return offset < size_ ? reinterpret_cast<T*>(to + offset) : place;
  }

 private:
  std::vector<char> memory_;
  char* begin_;
  std::size_t size_;
};

class host_lookup final : public detachable_call {
 public:
  host_lookup(const host_question& q, std::size_t size, const char* like)
      : asked_(q.asked), text_(q.text, q.size), family_(q.family), room_(size, like) {}

  [[nodiscard]] hostent* found() noexcept { return found_; }
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] int why() const noexcept { return why_; }

  // What was found, in the caller's own room.
  hostent* copy_to(hostent* entry, char* buffer) noexcept {
    if (found_ == nullptr) return nullptr;
    std::copy_n(room_.begin(), room_.size(), buffer);
    *entry = entry_;
    entry->h_name = room_.moved(entry_.h_name, buffer);
    entry->h_aliases = move_list(entry_.h_aliases, buffer);
    entry->h_addr_list = move_list(entry_.h_addr_list, buffer);
    return entry;
  }

 private:
  // By bytes: in a buffer that is not aligned the C library does not align its lists either.
  char** move_list(char** list, char* buffer) const noexcept {
    if (list == nullptr) return nullptr;
    char** const copied = room_.moved(list, buffer);
    const auto* from = reinterpret_cast<const std::byte*>(list);
    auto* to = reinterpret_cast<std::byte*>(copied);
    for (char* one = nullptr; std::memcpy(static_cast<void*>(&one), from, sizeof one), one != nullptr;
         from += sizeof one) {
      one = room_.moved(one, buffer);
      std::memcpy(to, static_cast<const void*>(&one), sizeof one);
      to += sizeof one;
    }
    return copied;
  }

  void run() noexcept override { error_ = ask(); }
  int ask() noexcept {
    switch (asked_) {
      case host_question::kind::name:
        return real_gethostbyname_r(text_.c_str(), &entry_, room_.begin(), room_.size(), &found_, &why_);
      case host_question::kind::name_of_family:
        return real_gethostbyname2_r(text_.c_str(), family_, &entry_, room_.begin(), room_.size(), &found_, &why_);
      case host_question::kind::address:
        return real_gethostbyaddr_r(text_.data(), static_cast<socklen_t>(text_.size()), family_, &entry_, room_.begin(),
                                    room_.size(), &found_, &why_);
    }
    return EINVAL;
  }

  const host_question::kind asked_;
  const std::string text_;
  const int family_;
  room room_;
  hostent entry_{};
  hostent* found_ = nullptr;
  int error_ = 0;
  int why_ = 0;
};

// The forms with _r return an error rather than setting errno.
int look_up_host(const host_question& q, hostent* entry, char* buffer, std::size_t size, hostent** found, int* why) {
  weft::detached<host_lookup> call;
  *found = nullptr;
  *why = NETDB_INTERNAL;
  if (const std::int64_t begun = run_detached(call, q, size, buffer); begun < 0) return static_cast<int>(-begun);
  *found = call->copy_to(entry, buffer);
  *why = call->why();
  return call->error();
}

[[gnu::noinline]] hostent* fail_to_find(int why, std::int64_t error) {
  h_errno = why;
  if (error != 0) leave_with(error);
  return nullptr;
}

// The forms without _r answer in storage that is the process's, until the next answer, and set the caller's h_errno.
constinit std::atomic<host_lookup*> last_answer{nullptr};

hostent* look_up_host(const host_question& q) {
  constexpr std::size_t least = 1024;
  constexpr std::size_t most = 1U << 20;
  for (std::size_t size = least;; size *= 4) {
    weft::detached<host_lookup> call;
    constexpr const char* like_no_other = nullptr;
    if (const std::int64_t begun = run_detached(call, q, size, like_no_other); begun < 0)
      return fail_to_find(NETDB_INTERNAL, begun);
    if (call->error() == ERANGE && size < most) continue;
    hostent* const found = call->found();
    if (found == nullptr) return fail_to_find(call->why(), -call->error());
    const weft::detached<host_lookup> before(last_answer.exchange(call.release()));
    return found;
  }
}

host_question by_name(const char* name) noexcept {
  return {.asked = host_question::kind::name, .text = name, .size = std::strlen(name)};
}
host_question by_name(const char* name, int family) noexcept {
  return {.asked = host_question::kind::name_of_family, .text = name, .size = std::strlen(name), .family = family};
}
host_question by_address(const void* address, socklen_t size, int family) noexcept {
  return {
      .asked = host_question::kind::address, .text = static_cast<const char*>(address), .size = size, .family = family};
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  if (is_answered_at_once(node, hints) || !may_wait()) return real_getaddrinfo(node, service, hints, found);
  weft::detached<address_lookup> call;
  if (const std::int64_t begun = run_detached(call, node, service, hints); begun < 0) return system_error(begun);
  if (call->code() == 0) *found = call->take();
  return call->code();
}

int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size, char* service,
                socklen_t service_size, int flags) {
  if (address == nullptr || host == nullptr || host_size == 0 || (flags & NI_NUMERICHOST) != 0 || !may_wait()) {
    return real_getnameinfo(address, size, host, host_size, service, service_size, flags);
  }
  weft::detached<name_lookup> call;
  const std::int64_t begun = run_detached(call, address, size, host_size, service != nullptr, service_size, flags);
  if (begun < 0) return system_error(begun);
  if (call->code() == 0) call->copy_to(host, service);
  return call->code();
}

int gethostbyname_r(const char* name, hostent* entry, char* buffer, size_t size, hostent** found, int* why) {
  if (!may_wait()) return real_gethostbyname_r(name, entry, buffer, size, found, why);
  return look_up_host(by_name(name), entry, buffer, size, found, why);
}

int gethostbyname2_r(const char* name, int family, hostent* entry, char* buffer, size_t size, hostent** found,
                     int* why) {
  if (!may_wait()) return real_gethostbyname2_r(name, family, entry, buffer, size, found, why);
  return look_up_host(by_name(name, family), entry, buffer, size, found, why);
}

int gethostbyaddr_r(const void* address, socklen_t length, int family, hostent* entry, char* buffer, size_t size,
                    hostent** found, int* why) {
  if (!may_wait()) return real_gethostbyaddr_r(address, length, family, entry, buffer, size, found, why);
  return look_up_host(by_address(address, length, family), entry, buffer, size, found, why);
}

hostent* gethostbyname(const char* name) { return may_wait() ? look_up_host(by_name(name)) : real_gethostbyname(name); }

hostent* gethostbyname2(const char* name, int family) {
  return may_wait() ? look_up_host(by_name(name, family)) : real_gethostbyname2(name, family);
}

}  // extern "C"
