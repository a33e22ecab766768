#include <weft/io/connect.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <weft/io/detail/destination_order.hpp>
#include <weft/io/detail/host_lookup.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/testing.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/channel.hpp>

namespace weft::io {

namespace {

struct outcome {
  tcp_stream stream;                    // open if one was connected
  std::vector<address> addresses;       // in the order in which they were tried
  std::vector<std::error_code> errors;  // of each, else
};

outcome one_after_another(std::vector<address> addresses) {
  outcome o{.stream = {}, .addresses = std::move(addresses), .errors = {}};
  for (const address& a : o.addresses) {
    o.stream = tcp_stream::connect(a, o.errors.emplace_back());
    if (!o.errors.back()) break;
  }
  return o;
}

int other_than(int family) noexcept { return family == AF_INET6 ? AF_INET : AF_INET6; }

// The families take turns.
std::vector<address> interleaved(std::span<const address> addresses, int first_family) {
  std::vector<address> first;
  std::vector<address> second;
  for (const address& a : addresses) (a.family() == first_family ? first : second).push_back(a);
  std::vector<address> all;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) all.push_back(first[i]);
    if (i < second.size()) all.push_back(second[i]);
  }
  return all;
}

// Addresses are tried beside each other, each a little later than the one before; more of them may come while that goes on.
class race {
 public:
  using clock = std::chrono::steady_clock;

  explicit race(std::chrono::nanoseconds stagger) : stagger_(stagger) {}

  // Asks for the addresses of a host, of each family by itself.
  void ask(std::string_view host, std::string_view service, const connect_options& options) {
    resolution_delay_ = options.resolution_delay;
    for (const int family : {AF_INET6, AF_INET}) {
      ++awaited_;
      tasks_.spawn(
          [this, host, service, family, question = options.resolve]() mutable {
            answer a{.family = family, .addresses = {}, .error = {}};
            question.family = family;
            a.addresses = resolve(host, service, question, a.error);
            (void)events_.first.send(std::move(a));
          },
          {.name = "ask for addresses"});
    }
  }

  void add(std::span<const address> addresses) {
    result_.addresses.insert(result_.addresses.end(), addresses.begin(), addresses.end());
  }

  // Leaving gives up what is still in progress, and waits for its end. An attempt that has connected nevertheless is closed with the channel.
  outcome run() {
    while (!result_.stream.is_open() && !nothing_is_left()) {
      if (may_begin()) begin();
      handle_next();
    }
    tasks_.cancel();
    tasks_.join();
    return std::move(result_);
  }

  // Why there are no addresses: what either question has come to, rather than that the name has none of a family.
  [[nodiscard]] std::error_code unresolved() const noexcept {
    return errors_[1] == resolve_errc::no_address ? errors_[0] : errors_[1];
  }

 private:
  struct attempt {
    std::size_t which = 0;
    tcp_stream stream;
    std::error_code error;
  };
  struct answer {
    int family = AF_UNSPEC;
    std::vector<address> addresses;
    std::error_code error;
  };
  using event = std::variant<attempt, answer>;
  static constexpr std::size_t most_events = 16;

  [[nodiscard]] bool has_untried() const noexcept { return begun_ < result_.addresses.size(); }
  [[nodiscard]] bool nothing_is_left() const noexcept { return !has_untried() && ended_ == begun_ && awaited_ == 0; }
  [[nodiscard]] bool may_begin() const { return has_untried() && testing::now() >= next_; }

  void begin() {
    next_ = parker::from_now(stagger_);
    result_.errors.emplace_back();
    tasks_.spawn(
        [this, which = begun_, to = result_.addresses[begun_]] {
          attempt a{.which = which, .stream = {}, .error = {}};
          a.stream = tcp_stream::connect(to, a.error);
          (void)events_.first.send(std::move(a));
        },
        {.name = "connect to an address"});
    ++begun_;
  }

  void handle_next() {
    std::optional<event> e = has_untried() ? events_.second.receive_until(next_) : events_.second.receive();
    if (e) std::visit([this](auto& what) { handle(what); }, *e);
  }

  void handle(attempt& a) {
    ++ended_;
    result_.errors[a.which] = a.error;
    if (!a.error) result_.stream = std::move(a.stream);
    next_ = clock::time_point::min();
  }

  void handle(answer& a) {
    --awaited_;
    errors_[a.family == AF_INET6 ? 0 : 1] = a.error;
    const bool first = begun_ == 0;
    if (!a.addresses.empty()) merge(a.addresses);
    if (!first) return;
    const bool better_may_come = awaited_ != 0 && has_untried() && detail::may_be_preceded(result_.addresses.front());
    next_ = better_may_come ? parker::from_now(resolution_delay_) : clock::time_point::min();
  }

  // Those that were tried stay where they are; then comes the other family than the last one tried, else the one that has the best address.
  void merge(std::span<const address> more) {
    const auto untried = result_.addresses.begin() + static_cast<std::ptrdiff_t>(begun_);
    std::vector<address> waiting(untried, result_.addresses.end());
    waiting.insert(waiting.end(), more.begin(), more.end());
    const int next = begun_ == 0 ? detail::leading_family(waiting) : other_than(result_.addresses[begun_ - 1].family());
    result_.addresses.erase(untried, result_.addresses.end());
    add(interleaved(waiting, next));
  }

  const std::chrono::nanoseconds stagger_;
  std::chrono::nanoseconds resolution_delay_{};
  outcome result_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
  clock::time_point next_ = clock::time_point::min();  // when the next attempt may begin
  int awaited_ = 0;                                    // answers
  std::array<std::error_code, 2> errors_;              // of the questions for IPv6 and IPv4
  std::pair<sender<event>, receiver<event>> events_ = make_channel<event>(most_events);
  group tasks_{"connect"};
};

outcome connect_to(std::vector<address> addresses, std::chrono::nanoseconds stagger) {
  if (addresses.size() == 1 || !in_fiber()) return one_after_another(std::move(addresses));
  race r(stagger);
  r.add(addresses);
  return r.run();
}

// No addresses, and the error, where the host is not found.
outcome connect_by_name(std::string_view host, std::string_view service, const connect_options& options,
                        std::error_code& error) {
  error.clear();
  if (!in_fiber() || options.resolve.family != AF_UNSPEC || detail::is_numeric_host(host)) {
    const std::vector<address> addresses = resolve(host, service, options.resolve, error);
    if (error) return {};
    return connect_to(interleaved(addresses, addresses.front().family()), options.stagger);
  }
  race r(options.stagger);
  r.ask(host, service, options);
  outcome o = r.run();
  if (o.addresses.empty()) error = r.unresolved();
  return o;
}

[[noreturn]] void fail(const std::string& what, const outcome& o) {
  std::string text = "weft::io: cannot connect to " + what;
  if (o.addresses.size() > 1) {
    for (std::size_t i = 0; i < o.addresses.size(); ++i) {
      text += (i == 0 ? ": tried " : ", ") + o.addresses[i].to_string() + " (" + o.errors[i].message() + ")";
    }
  } else if (what != o.addresses.front().to_string()) {
    text += " at " + o.addresses.front().to_string();
  }
  throw std::system_error(o.errors.front(), text);
}

}  // namespace

tcp_stream connect(std::string_view host, std::string_view service, const connect_options& options) {
  std::error_code error;
  outcome o = connect_by_name(host, service, options, error);
  if (error) detail::throw_unresolved(host, service, error);
  if (!o.stream.is_open()) fail(std::string(host) + ":" + std::string(service), o);
  return std::move(o.stream);
}

tcp_stream connect(std::string_view host, std::string_view service, const connect_options& options,
                   std::error_code& error) {
  outcome o = connect_by_name(host, service, options, error);
  if (!error && !o.stream.is_open()) error = o.errors.front();
  return std::move(o.stream);
}

tcp_stream connect_any(std::span<const address> addresses, std::chrono::nanoseconds stagger) {
  if (addresses.empty()) throw std::invalid_argument("weft::io: connect_any() needs an address");
  outcome o = connect_to({addresses.begin(), addresses.end()}, stagger);
  if (!o.stream.is_open()) fail(addresses.front().to_string() + (addresses.size() > 1 ? " and others" : ""), o);
  return std::move(o.stream);
}

}  // namespace weft::io
