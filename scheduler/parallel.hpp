// Loops over all cores, callable on any fiber, nested at will.
//
// The range is split lazily: a worker goes through its part chunk by chunk, and gives the upper half of what is left away only when its
// deque is empty, that is, when thieves are hungry (Tzannes, Caragea, Barua, Vishkin: "Lazy binary-splitting", PPoPP 2010). So with one worker
// there is next to no overhead, and no grain to choose: chunks grow until one takes some microseconds. Between chunks the fiber is
// cancellable, and lets waiting fibers, timers and I/O have their turn.
//
// Failures come as from any group: the first one stops the rest, and group_error carries them. All of these park while they wait for
// other workers, and throw `cancelled` when the scope around them is cancelled. f is called concurrently, for each element once.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/schedule_point.hpp>

namespace weft {

namespace detail {

// Between two chunks: throws `cancelled`, yields if others wait; true if the caller's worker has nothing left that thieves could take.
bool thieves_are_hungry();

// Doubles the chunk until one takes long enough to make what is done between chunks vanish.
class chunk_size {
 public:
  std::ptrdiff_t begin(std::ptrdiff_t left) noexcept {
    start_ = __builtin_ia32_rdtsc();
    return std::min(size_, left);
  }
  void end() noexcept {
    if (!by_seed_ && __builtin_ia32_rdtsc() - start_ < enough_cycles) size_ *= 2;
  }

 private:
  static constexpr std::uint64_t enough_cycles = 20'000;  // 5 to 10 us
  // Where the order of everything comes from a seed it must not come from how long something took.
  const bool by_seed_ = seeded_runs.load(std::memory_order_relaxed) != 0;
  std::ptrdiff_t size_ = 1;
  std::uint64_t start_ = 0;
};

// Calls work(from, to) for consecutive pieces of [first, last); give_away(from, to) takes an upper part.
template <class I, class Work, class GiveAway>
void go_through(I first, I last, Work&& work, GiveAway&& give_away) {
  chunk_size chunk;
  while (last - first > 0) {
    if (last - first > 1 && thieves_are_hungry()) {
      const I middle = first + (last - first) / 2;
      give_away(middle, last);
      last = middle;
    }
    const I piece_end =
        first + static_cast<decltype(last - first)>(chunk.begin(static_cast<std::ptrdiff_t>(last - first)));
    work(first, piece_end);
    first = piece_end;
    chunk.end();
  }
}

template <class I, class F>
void for_each_in(group& g, I first, I last, F& f) {
  go_through(
      first, last,
      [&f](I from, I to) {
        for (; from != to; ++from) f(from);
      },
      [&g, &f](I from, I to) { g.spawn([&g, &f, from, to] { for_each_in(g, from, to, f); }); });
}

// The parts given away are to the right of what was kept, the latest being the nearest.
template <class T, class I, class Combine, class Transform>
T reduce_in(I first, I last, Combine& combine, Transform& transform) {
  group g;
  std::vector<task<T>> right;
  std::optional<T> sum;
  go_through(
      first, last,
      [&](I from, I to) {
        if (!sum) sum.emplace(transform(*from++));
        for (; from != to; ++from) *sum = combine(std::move(*sum), transform(*from));
      },
      [&](I from, I to) {
        right.push_back(
            g.spawn([from, to, &combine, &transform] { return reduce_in<T>(from, to, combine, transform); }));
      });
  for (; !right.empty(); right.pop_back()) *sum = combine(std::move(*sum), right.back().get());
  return std::move(*sum);
}

// Quicksort whose upper parts are given away; depth bounds bad luck with pivots.
template <class I, class Compare>
void sort_in(group& g, I first, I last, Compare& compare, int depth);

}  // namespace detail

// f(i) for each i of [first, last), an integer or random-access iterator range.
template <class I, class F>
  requires std::integral<I> || std::random_access_iterator<I>
void parallel_for(I first, I last, F&& f) {
  if (!(first < last)) return;
  group g;
  g.spawn([&g, &f, first, last] { detail::for_each_in(g, first, last, f); });
  g.join();
}

// f(element) for each element of a random-access range.
template <std::ranges::random_access_range R, class F>
void parallel_for_each(R&& range, F&& f) {
  parallel_for(std::ranges::begin(range), std::ranges::end(range), [&f](auto it) { f(*it); });
}

// combine(...combine(init, transform(first element))..., transform(last element)) for an associative combine, which need not be
// commutative: the order of elements is kept.
template <std::ranges::random_access_range R, class T, class Combine, class Transform>
T parallel_transform_reduce(R&& range, T init, Combine&& combine, Transform&& transform) {
  auto first = std::ranges::begin(range);
  auto last = std::ranges::end(range);
  if (first == last) return init;
  group g;
  task<T> sum = g.spawn([&] { return detail::reduce_in<T>(first, last, combine, transform); });
  g.join();
  return combine(std::move(init), sum.get());
}

template <std::ranges::random_access_range R, class T, class Combine = std::plus<>>
T parallel_reduce(R&& range, T init, Combine&& combine = {}) {
  return parallel_transform_reduce(range, std::move(init), combine, [](const auto& element) -> T { return element; });
}

// out[i] = f(range[i]); out is a random-access iterator to as many elements. Returns the end of what was written.
template <std::ranges::random_access_range R, std::random_access_iterator O, class F>
O parallel_transform(R&& range, O out, F&& f) {
  auto first = std::ranges::begin(range);
  const auto n = std::ranges::end(range) - first;
  parallel_for(decltype(n){0}, n, [&](auto i) { out[i] = f(first[i]); });
  return out + n;
}

// Calls all of them, at once where there are workers; returns when all have returned.
template <std::invocable... F>
void parallel_invoke(F&&... f) {
  group g;
  (g.spawn([&f] { std::forward<F>(f)(); }), ...);
  g.join();
}

// Sorts by `compare`, not stably; O(n log n). Quicksort over the workers; in each part std::sort, or for numbers pattern-defeating
// quicksort (Orson Peters, in Boost.Sort).
template <std::random_access_iterator I, class Compare = std::less<>>
void parallel_sort(I first, I last, Compare compare = {}) {
  int depth = 8;
  for (auto n = last - first; n > 1; n /= 2) depth += 2;
  group g;
  g.spawn([&g, &compare, first, last, depth] { detail::sort_in(g, first, last, compare, depth); });
  g.join();
}

template <std::ranges::random_access_range R, class Compare = std::less<>>
void parallel_sort(R&& range, Compare compare = {}) {
  parallel_sort(std::ranges::begin(range), std::ranges::end(range), std::move(compare));
}

namespace detail {

template <class I, class Compare>
I median_of_three(I a, I b, I c, Compare& compare) {
  if (compare(*a, *b)) return compare(*b, *c) ? b : (compare(*a, *c) ? c : a);
  return compare(*a, *c) ? a : (compare(*b, *c) ? c : b);
}

// Tukey's ninther.
template <class I, class Compare>
I choose_pivot(I first, I last, Compare& compare) {
  const auto step = (last - first) / 9;
  const auto at = [&](int i) { return first + step * i; };
  return median_of_three(median_of_three(at(0), at(1), at(2), compare), median_of_three(at(3), at(4), at(5), compare),
                         median_of_three(at(6), at(7), last - 1, compare), compare);
}

// Hoare's partition around *first; returns where the pivot ends up. Elements equal to it go to both sides.
template <class I, class Compare>
I partition_around_first(I first, I last, Compare& compare) {
  I low = first;
  I high = last;
  for (;;) {
    do ++low;
    while (low != last && compare(*low, *first));
    do --high;
    while (compare(*first, *high));
    if (low >= high) break;
    std::iter_swap(low, high);
  }
  std::iter_swap(first, high);
  return high;
}

template <class T, class... Others>
inline constexpr bool is_one_of = (std::is_same_v<T, Others> || ...);

// Numbers in an array, in the usual order or the reverse: comparing them costs less than a mispredicted branch on the result.
template <class T>
inline constexpr bool is_number = is_one_of<T, char, signed char, unsigned char, short, unsigned short, int, unsigned,
                                            long, unsigned long, long long, unsigned long long, float, double>;
template <class I, class Compare, class T = std::iter_value_t<I>>
inline constexpr bool is_plain_order = std::contiguous_iterator<I> && is_number<T> &&
                                       is_one_of<Compare, std::less<>, std::less<T>, std::greater<>, std::greater<T>>;

// Sequentially; for what is_number<T> and both orders (parallel.cpp).
template <class T, class Order>
void sort_numbers(T* first, T* last);

// The same without branches on what is compared (Lomuto's way). Elements equal to the pivot go above it.
template <class I, class Compare>
I partition_around_first_branchless(I first, I last, Compare& compare) {
  const auto pivot = *first;
  I end_of_lower = first + 1;
  for (I i = first + 1; i != last; ++i) {
    const auto value = *i;
    *i = *end_of_lower;
    *end_of_lower = value;
    end_of_lower += compare(value, pivot) ? 1 : 0;
  }
  std::iter_swap(first, end_of_lower - 1);
  return end_of_lower - 1;
}

// Splits as long as parts are large and the pivots not too bad.
template <class I, class Compare>
void sort_in(group& g, I first, I last, Compare& compare, int depth) {
  constexpr bool branchless = is_plain_order<I, Compare>;
  constexpr std::ptrdiff_t sequential = branchless ? 1 << 15 : 1 << 12;  // about a millisecond
  while (last - first > sequential && depth > 0) {
    thieves_are_hungry();
    std::iter_swap(first, choose_pivot(first, last, compare));
    I pivot = first;
    if constexpr (branchless) {
      pivot = partition_around_first_branchless(first, last, compare);
    } else {
      pivot = partition_around_first(first, last, compare);
    }
    const I above = pivot + 1;
    const bool is_bad = std::min(pivot - first, last - above) < (last - first) / 32;
    depth -= is_bad ? 8 : 1;
    g.spawn([&g, &compare, above, last, depth] { sort_in(g, above, last, compare, depth); });
    last = pivot;
  }
  if constexpr (branchless) {
    using value = std::iter_value_t<I>;
    using order = std::conditional_t<is_one_of<Compare, std::less<>, std::less<value>>, std::less<>, std::greater<>>;
    sort_numbers<value, order>(std::to_address(first), std::to_address(first) + (last - first));
  } else {
    std::sort(first, last, std::ref(compare));
  }
}

}  // namespace detail

}  // namespace weft
