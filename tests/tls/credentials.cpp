#include "credentials.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>

namespace weft::io::test {

struct authority::pair {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ~pair() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
};

namespace {

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (e == nullptr) throw std::runtime_error("no extension " + value);
  X509_add_ext(certificate, e, -1);
  X509_EXTENSION_free(e);
}

void fill(X509* c, EVP_PKEY* key, const std::string& name, int serial, int from_day, int to_day) {
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), serial);
  X509_time_adj_ex(X509_getm_notBefore(c), from_day, 0, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(c), to_day, 0, nullptr);
  X509_set_pubkey(c, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
}

template <class Write>
void write_file(const std::filesystem::path& path, Write write) {
  std::FILE* f = std::fopen(path.c_str(), "we");
  if (f == nullptr) throw std::runtime_error("cannot write " + path.string());
  write(f);
  std::fclose(f);
}

}  // namespace

authority::authority(const temporary_folder& folder)
    : folder_(folder), own_(std::make_unique<pair>()), file_(folder / "authority.pem") {
  fill(own_->certificate, own_->key, "weft's test authority", 1, -1, 30);
  X509_set_issuer_name(own_->certificate, X509_get_subject_name(own_->certificate));
  add_extension(own_->certificate, own_->certificate, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(own_->certificate, own_->key, EVP_sha256());
  write_file(file_, [this](std::FILE* f) { PEM_write_X509(f, own_->certificate); });
}

authority::~authority() = default;

credentials authority::issue(const std::string& names, int from_day, int to_day) const {
  return write(names, from_day, to_day, own_.get());
}

credentials authority::self_signed(const std::string& names) const { return write(names, -1, 30, nullptr); }

credentials authority::write(const std::string& names, int from_day, int to_day, const pair* issuer) const {
  const int number = ++issued_;
  const pair leaf;
  const pair& by = issuer != nullptr ? *issuer : leaf;
  fill(leaf.certificate, leaf.key, "leaf " + std::to_string(number), number + 1, from_day, to_day);
  X509_set_issuer_name(leaf.certificate, X509_get_subject_name(by.certificate));
  add_extension(leaf.certificate, by.certificate, NID_subject_alt_name, names);
  X509_sign(leaf.certificate, by.key, EVP_sha256());
  const credentials c{folder_ / ("chain" + std::to_string(number) + ".pem"),
                      folder_ / ("key" + std::to_string(number) + ".pem")};
  write_file(c.chain, [&](std::FILE* f) { PEM_write_X509(f, leaf.certificate); });
  write_file(c.key, [&](std::FILE* f) { PEM_write_PrivateKey(f, leaf.key, nullptr, nullptr, 0, nullptr, nullptr); });
  return c;
}

}  // namespace weft::io::test
