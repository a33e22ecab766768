// Five philosophers, five forks. If each takes the left fork first, the meal ends in a deadlock, and weft says who waits for whom; if all
// agree on an order, as std::scoped_lock does for them, everybody eats.
#include <array>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>

#include <weft/scheduler/deadlock_error.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/sync/barrier.hpp>
#include <weft/sync/mutex.hpp>

namespace {

constexpr std::size_t seats = 5;
constexpr std::array names = {"Aristotle", "Confucius", "Hypatia", "Kant", "Socrates"};

struct table {
  std::array<weft::mutex, seats> forks;
  weft::barrier<> all_seated{seats};
  std::array<int, seats> meals{};

  weft::mutex& left(std::size_t seat) { return forks[seat]; }
  weft::mutex& right(std::size_t seat) { return forks[(seat + 1) % seats]; }
};

template <class Eat>
void dine(table& t, Eat eat) {
  weft::group g;
  for (std::size_t seat = 0; seat < seats; ++seat) {
    g.spawn([&t, seat, eat] { eat(t, seat); }, {.name = names[seat]});
  }
}

void greedily(table& t, std::size_t seat) {
  const std::lock_guard first(t.left(seat));
  t.all_seated.arrive_and_wait();  // everybody has one fork now
  const std::lock_guard second(t.right(seat));
  ++t.meals[seat];
}

void in_order(table& t, std::size_t seat) {
  for (int i = 0; i < 1000; ++i) {
    const std::scoped_lock both(t.left(seat), t.right(seat));
    ++t.meals[seat];
  }
}

std::string first_lines(const std::string& text, int lines) {
  std::size_t end = 0;
  for (int i = 0; i < lines && end != std::string::npos; ++i) end = text.find('\n', end + 1);
  return text.substr(0, end);
}

}  // namespace

int main() {
  try {
    weft::run([] {
      table t;
      dine(t, greedily);
    });
    std::puts("nobody noticed the deadlock");
    return 1;
  } catch (const weft::deadlock_error& e) {
    std::puts(first_lines(e.what(), 2 + seats).c_str());
  }
  return weft::run([] {
    table t;
    dine(t, in_order);
    int meals = 0;
    for (const int m : t.meals) meals += m;
    std::printf("in order they had %d meals\n", meals);
    return 0;
  });
}
