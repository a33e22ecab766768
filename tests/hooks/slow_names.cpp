#include "slow_names.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>

#include <atomic>
#include <cstring>

namespace {

using namespace weft::hooks_test;

std::atomic<bool> held{false};
std::atomic<int> waiting{0};
std::atomic<int> begun{0};

void wait_for_answer() {
  ++begun;
  ++waiting;
  held.wait(true);
  --waiting;
}

bool is_slow(const char* name) { return name != nullptr && std::strncmp(name, "slow", 4) == 0; }

const char* answered(const char* name) {
  if (!is_slow(name)) return name;
  wait_for_answer();
  return answer;
}

bool is_slow(const void* address, socklen_t size) {
  in_addr slow{};
  ::inet_pton(AF_INET, slow_address, &slow);
  return size == sizeof slow && std::memcmp(address, &slow, sizeof slow) == 0;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void slow_names_hold() {
  begun = 0;
  held = true;
}
void slow_names_let_go() {
  held = false;
  held.notify_all();
}
int slow_names_waiting() { return waiting; }
int slow_names_begun() { return begun; }

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  return next<decltype(::getaddrinfo)>("getaddrinfo")(answered(node), service, hints, found);
}

int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size, char* service,
                socklen_t service_size, int flags) {
  if (is_slow(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr, sizeof(in_addr))) {
    wait_for_answer();
    flags |= NI_NUMERICHOST;
  }
  return next<decltype(::getnameinfo)>("getnameinfo")(address, size, host, host_size, service, service_size, flags);
}

int gethostbyname_r(const char* name, hostent* entry, char* buffer, size_t size, hostent** found, int* why) {
  return next<decltype(::gethostbyname_r)>("gethostbyname_r")(answered(name), entry, buffer, size, found, why);
}

int gethostbyname2_r(const char* name, int family, hostent* entry, char* buffer, size_t size, hostent** found,
                     int* why) {
  return next<decltype(::gethostbyname2_r)>("gethostbyname2_r")(answered(name), family, entry, buffer, size, found,
                                                                why);
}

int gethostbyaddr_r(const void* address, socklen_t length, int family, hostent* entry, char* buffer, size_t size,
                    hostent** found, int* why) {
  if (is_slow(address, length)) {
    wait_for_answer();
    return next<decltype(::gethostbyname2_r)>("gethostbyname2_r")(answer, family, entry, buffer, size, found, why);
  }
  return next<decltype(::gethostbyaddr_r)>("gethostbyaddr_r")(address, length, family, entry, buffer, size, found, why);
}

}  // extern "C"
