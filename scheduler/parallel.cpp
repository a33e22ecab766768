#include <weft/scheduler/parallel.hpp>

#include <boost/sort/pdqsort/pdqsort.hpp>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

bool thieves_are_hungry() {
  check_cancelled();
  worker* w = this_worker();
  if (w->others_wait()) {
    w->yield();
    w = this_worker();
  }
  return w->has_no_tasks() && (w->runtime().workers().size() > 1 || w->runtime().seeded != nullptr);
}

template <class T, class Order>
void sort_numbers(T* first, T* last) {
  boost::sort::pdqsort_branchless(first, last, Order{});
}

template void sort_numbers<char, std::less<>>(char*, char*);
template void sort_numbers<signed char, std::less<>>(signed char*, signed char*);
template void sort_numbers<unsigned char, std::less<>>(unsigned char*, unsigned char*);
template void sort_numbers<short, std::less<>>(short*, short*);
template void sort_numbers<unsigned short, std::less<>>(unsigned short*, unsigned short*);
template void sort_numbers<int, std::less<>>(int*, int*);
template void sort_numbers<unsigned, std::less<>>(unsigned*, unsigned*);
template void sort_numbers<long, std::less<>>(long*, long*);
template void sort_numbers<unsigned long, std::less<>>(unsigned long*, unsigned long*);
template void sort_numbers<long long, std::less<>>(long long*, long long*);
template void sort_numbers<unsigned long long, std::less<>>(unsigned long long*, unsigned long long*);
template void sort_numbers<float, std::less<>>(float*, float*);
template void sort_numbers<double, std::less<>>(double*, double*);
template void sort_numbers<char, std::greater<>>(char*, char*);
template void sort_numbers<signed char, std::greater<>>(signed char*, signed char*);
template void sort_numbers<unsigned char, std::greater<>>(unsigned char*, unsigned char*);
template void sort_numbers<short, std::greater<>>(short*, short*);
template void sort_numbers<unsigned short, std::greater<>>(unsigned short*, unsigned short*);
template void sort_numbers<int, std::greater<>>(int*, int*);
template void sort_numbers<unsigned, std::greater<>>(unsigned*, unsigned*);
template void sort_numbers<long, std::greater<>>(long*, long*);
template void sort_numbers<unsigned long, std::greater<>>(unsigned long*, unsigned long*);
template void sort_numbers<long long, std::greater<>>(long long*, long long*);
template void sort_numbers<unsigned long long, std::greater<>>(unsigned long long*, unsigned long long*);
template void sort_numbers<float, std::greater<>>(float*, float*);
template void sort_numbers<double, std::greater<>>(double*, double*);

}  // namespace weft::detail
