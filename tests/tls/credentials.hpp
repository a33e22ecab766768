// Certificates made for a test: an authority of its own, and what it vouches for.
#pragma once

#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>

#include "io/io_support.hpp"

namespace weft::io::test {

struct credentials {
  std::filesystem::path chain;
  std::filesystem::path key;
};

class authority {
 public:
  explicit authority(const temporary_folder& folder);
  ~authority();
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;

  // Its certificate, for those who are to trust it.
  [[nodiscard]] const std::filesystem::path& certificate() const { return file_; }
  // For the names, as in "DNS:example.test,IP:127.0.0.1"; valid from and until so many days from now.
  [[nodiscard]] credentials issue(const std::string& names, int from_day = -1, int to_day = 30) const;
  // Nobody vouches for it but itself.
  [[nodiscard]] credentials self_signed(const std::string& names) const;

 private:
  struct pair;
  credentials write(const std::string& names, int from_day, int to_day, const pair* issuer) const;

  const temporary_folder& folder_;
  std::unique_ptr<pair> own_;
  std::filesystem::path file_;
  mutable int issued_ = 0;
};

}  // namespace weft::io::test
