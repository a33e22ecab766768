// The client behind http::client and its responses: connections that are kept, and one exchange over one of them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <weft/io/http/client.hpp>
#include <weft/io/http/detail/message_reader.hpp>
#include <weft/io/http/detail/output.hpp>
#include <weft/io/http/url.hpp>

namespace weft::io::http::detail {

class client_core {
 public:
  using clock = std::chrono::steady_clock;

  explicit client_core(client_options o) : options(std::move(o)) {}

  // A kept connection to that place that seems to be alive; not open if there is none.
  any_stream take(const std::string& place);
  void keep(const std::string& place, any_stream stream);
  any_stream connect(const url& to);

  const client_options options;
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> reused{0};

 private:
  struct idle_connection {
    any_stream stream;
    clock::time_point since;
  };
  std::mutex mutex_;  // of the connections; never held across a wait
  std::map<std::string, std::vector<idle_connection>> idle_;
};

// One request and its response.
class client_exchange final : input {
 public:
  client_exchange(std::shared_ptr<client_core> core, url where, any_stream stream);
  ~client_exchange() = default;
  client_exchange(const client_exchange&) = delete;
  client_exchange& operator=(const client_exchange&) = delete;

  void send(const client_request& request);
  // Throws connection_lost if the server leaves before the header is complete.
  void receive_header(const client_request& request);
  std::size_t read_body(std::span<std::byte> buffer);
  // Reads what is left if that is little, so that the connection can be kept.
  void drop_body();

  [[nodiscard]] int status() const noexcept { return line_.status; }
  [[nodiscard]] const fields& headers() const noexcept { return headers_; }
  [[nodiscard]] const fields& trailers() const noexcept { return trailers_; }
  [[nodiscard]] const url& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& url_text() const noexcept { return url_text_; }

 private:
  std::size_t receive(std::span<std::byte> buffer) override;
  void write_head(const client_request& request);
  void give_back();
  template <class F>
  auto within_limit(F f);

  const std::shared_ptr<client_core> core_;
  const url where_;
  const std::string url_text_;
  any_stream stream_;
  output out_;
  message_reader<false> reader_;
  start_line line_;
  fields headers_;
  fields trailers_;
};

}  // namespace weft::io::http::detail
