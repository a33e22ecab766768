// One connection of a server's: reads requests, has them answered, writes the answers.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include <weft/io/http/date.hpp>
#include <weft/io/http/detail/body_source.hpp>
#include <weft/io/http/detail/message_reader.hpp>
#include <weft/io/http/detail/output.hpp>
#include <weft/io/http/detail/server_core.hpp>

namespace weft::io::http::detail {

class server_connection final : body_source, input {
 public:
  server_connection(server_core& core, any_stream stream, const address& peer);
  ~server_connection();
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;

  // Serves until either side ends it. Throws `cancelled`, and std::system_error when the connection fails.
  void run();

 private:
  using time_point = std::chrono::steady_clock::time_point;

  bool await_request();
  bool read_header();
  bool answer_request();
  response call_handler();
  response answer_to(const std::exception_ptr& what);
  // Sends it; false if the connection is to end.
  bool send(response& r);
  void write_head(const response& r, bool without_body, bool keep);
  void send_stream(const body_stream& s);
  void refuse(const error& e);
  bool drop_rest_of_body();
  void end_gently();

  std::size_t read_body(std::span<std::byte> buffer) override;
  std::size_t receive(std::span<std::byte> buffer) override;
  std::size_t receive_within(std::chrono::nanoseconds limit, std::span<std::byte> buffer);
  [[nodiscard]] std::chrono::nanoseconds limit_for_body() const;

  enum class phase : std::uint8_t { idle, header, body, ending };

  server_core& core_;
  any_stream stream_;
  const address peer_;
  connection_entry entry_;
  message_reader<true> reader_;
  output out_;
  http_date date_;
  start_line line_;
  request request_;
  phase phase_ = phase::idle;
  bool continue_expected_ = false;
  bool body_is_wrong_ = false;  // where the next request would begin is not known
  time_point body_begun_;
  std::uint64_t body_received_ = 0;
};

}  // namespace weft::io::http::detail
