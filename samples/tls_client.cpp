// Connects to a TLS server, tells what was agreed upon, sends standard input's lines and prints what comes back.
//
//   tls_client HOST ADDRESS [AUTHORITIES.pem]   such as: tls_client example.org 93.184.215.14:443
//   tls_client --self-test                      talks to a server of its own, once without and once with trust in its certificate
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <weft/io/descriptor.hpp>
#include <weft/io/tcp.hpp>
#include <weft/io/tls/tls.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

namespace io = weft::io;

// Copies until either side ends; the peer's end is its goodbye, anything else would be an error.
void print_all(io::tls_stream& from) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = from.read_some(buffer)) io::write_all(STDOUT_FILENO, std::span(buffer).first(n));
}

void send_all(int fd, io::tls_stream& to) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = io::read(fd, buffer)) to.write_all(std::span(buffer).first(n));
  to.shutdown_write();
}

void talk(const io::tls_context& context, const std::string& host, const io::address& where, int input) {
  io::tls_stream s = io::tls_stream::connect(context, io::tcp_stream::connect(where), host);
  std::printf("%s with %s\n", s.version().c_str(), host.c_str());
  std::fflush(stdout);
  weft::group g;
  g.spawn_daemon([&] { send_all(input, s); });  // one fiber writes while the other reads
  g.spawn([&] { print_all(s); });
}

// ---------------------------------------------------------------------------------------------------- self-test

// A certificate for localhost that vouches for itself, and its key, in one file.
void write_certificate(const std::filesystem::path& file) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* c = X509_new();
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
  X509_gmtime_adj(X509_getm_notBefore(c), -60);
  X509_gmtime_adj(X509_getm_notAfter(c), 3600);
  X509_set_pubkey(c, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(c, X509_get_subject_name(c));
  X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(c, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(c, key, EVP_sha256());
  std::FILE* out = std::fopen(file.c_str(), "w");
  if (out == nullptr) throw std::runtime_error("cannot write " + file.string());
  PEM_write_X509(out, c);
  PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  X509_free(c);
  EVP_PKEY_free(key);
}

void greet(const io::tls_context& context, io::tcp_stream connection) {
  try {
    io::tls_stream s = io::tls_stream::accept(context, std::move(connection));
    s.write_all("hello over TLS\n");
    s.shutdown_write();
    print_all(s);                       // until the client says goodbye, too
  } catch (const std::system_error&) {  // the client that does not trust us
  }
}

int self_test() {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("weft-tls-" + std::to_string(::getpid()) + ".pem");
  write_certificate(file);
  const io::tls_context server = io::tls_context::server(file, file);
  const io::tls_context trusting = io::tls_context::client({.authorities = file});
  std::filesystem::remove(file);
  io::tcp_listener listener{"127.0.0.1:0"};
  const int nothing = io::open("/dev/null", O_RDONLY);
  weft::group g;
  g.spawn([&] {
    for (int i = 0; i < 2; ++i) greet(server, listener.accept());
  });
  try {
    talk(io::tls_context::client(), "localhost", listener.local_address(), nothing);
  } catch (const std::system_error& e) {
    std::printf("refused: %s\n", e.what());
  }
  talk(trusting, "localhost", listener.local_address(), nothing);
  ::close(nothing);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return weft::run([&] {
      if (argc == 2 && std::strcmp(argv[1], "--self-test") == 0) return self_test();
      if (argc < 3) {
        std::fprintf(stderr, "usage: tls_client HOST ADDRESS [AUTHORITIES.pem]\n");
        return 2;
      }
      talk(io::tls_context::client({.authorities = argc > 3 ? argv[3] : ""}), argv[1], argv[2], STDIN_FILENO);
      return 0;
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
