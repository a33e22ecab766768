// The sieve of Eratosthenes as a chain of fibers, each of which lets through what its prime does not divide: Hoare's example of processes that
// talk over channels, and Go's first one. Shows rendezvous channels, and how an end is passed on: a receiver that goes away ends its sender.
#include <cstdio>
#include <cstdlib>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/sync/channel.hpp>

namespace {

weft::receiver<int> from_two(weft::group& g) {
  auto [send, receive] = weft::make_channel<int>(0);
  g.spawn([send = std::move(send)] {
    for (int n = 2; send.send(n); ++n) {
    }
  });
  return std::move(receive);
}

weft::receiver<int> without_multiples(weft::group& g, weft::receiver<int> numbers, int prime) {
  auto [send, receive] = weft::make_channel<int>(0);
  g.spawn([numbers = std::move(numbers), send = std::move(send), prime] {
    for (const int n : numbers) {
      if (n % prime != 0 && !send.send(n)) return;
    }
  });
  return std::move(receive);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 1'000;
  weft::run([count] {
    weft::group g;
    weft::receiver<int> numbers = from_two(g);
    int prime = 0;
    for (int i = 0; i < count; ++i) {
      prime = numbers.receive().value();
      numbers = without_multiples(g, std::move(numbers), prime);
    }
    std::printf("prime number %d is %d\n", count, prime);
  });  // `numbers` goes first: the chain ends from its last link back to the source
}
