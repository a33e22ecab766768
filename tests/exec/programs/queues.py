"""What Python's threads wait with: locks, conditions, events, queues, barriers, timers."""

import queue
import threading

N = 60
work, done = queue.Queue(maxsize=8), queue.Queue()
lock, barrier, event = threading.RLock(), threading.Barrier(N), threading.Event()
local = threading.local()
total = 0


def worker(number):
    global total
    local.number = number
    barrier.wait()
    while (item := work.get()) is not None:
        with lock, lock:
            total += item
        assert local.number == number
        done.put(item)
    event.wait()


threads = [threading.Thread(target=worker, args=(i,)) for i in range(N)]
for t in threads:
    t.start()
for i in range(2000):
    work.put(i)
for _ in threads:
    work.put(None)
assert sum(done.get() for _ in range(2000)) == total == 2000 * 1999 // 2
timer = threading.Timer(0.01, event.set)
timer.start()
for t in [timer, *threads]:
    t.join()
print("ok")
