// The C standard's threads: as many fibers, and no thread of the system's for them.
#include <dirent.h>
#include <threads.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "check.hpp"

namespace {

constexpr int count = 50;

mtx_t lock;
cnd_t changed;
int inside = 0;
bool go = false;

int wait_for_all(void* argument) {
  CHECK_EQUAL(mtx_lock(&lock), thrd_success);
  ++inside;
  CHECK_EQUAL(cnd_broadcast(&changed), thrd_success);
  while (!go) CHECK_EQUAL(cnd_wait(&changed, &lock), thrd_success);
  CHECK_EQUAL(mtx_unlock(&lock), thrd_success);
  const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
  CHECK_EQUAL(thrd_sleep(&moment, nullptr), 0);
  const int own = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
  if (own % 2 == 0) thrd_exit(-own);
  return own;
}

int threads_of_the_system() {
  int n = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) n += entry->d_name[0] != '.' ? 1 : 0;
  closedir(tasks);
  return n;
}

}  // namespace

int main(int words, char**) {
  CHECK_EQUAL(mtx_init(&lock, mtx_plain), thrd_success);
  CHECK_EQUAL(cnd_init(&changed), thrd_success);
  std::array<thrd_t, count> threads;
  for (std::intptr_t i = 0; i < count; ++i)
    CHECK_EQUAL(thrd_create(&threads[static_cast<std::size_t>(i)], &wait_for_all, reinterpret_cast<void*>(i)),
                thrd_success);
  mtx_lock(&lock);
  while (inside < count) cnd_wait(&changed, &lock);
  if (words == 1) CHECK(threads_of_the_system() < count);
  go = true;
  cnd_broadcast(&changed);
  mtx_unlock(&lock);
  for (int i = 0; i < count; ++i) {
    int result = 0;
    CHECK_EQUAL(thrd_join(threads[static_cast<std::size_t>(i)], &result), thrd_success);
    CHECK_EQUAL(result, i % 2 == 0 ? -i : i);
  }
  thrd_t forgotten;
  CHECK_EQUAL(thrd_create(&forgotten, [](void*) { return 0; }, nullptr), thrd_success);
  CHECK_EQUAL(thrd_detach(forgotten), thrd_success);
  std::puts("ok");
}
