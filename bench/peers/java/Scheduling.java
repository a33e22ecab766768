import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Workloads about starting, switching, parking and ending virtual threads. */
final class Scheduling {
  static double switchTwo(int workers, int size) throws Exception {
    return Main.nanosecondsEach(size, n -> {
      Runnable yields = () -> {
        for (int i = 0; i < n / 2; i++) Thread.yield();
      };
      Thread first = Thread.startVirtualThread(yields);
      Thread second = Thread.startVirtualThread(yields);
      first.join();
      second.join();
    });
  }

  static double spawnJoinOne(int workers, int size) throws Exception {
    return Main.nanosecondsEach(size, n -> {
      for (int i = 0; i < n; i++) Thread.startVirtualThread(() -> {}).join();
    });
  }

  static double spawn1000(int workers, int size) throws Exception {
    Thread[] tasks = new Thread[1000];
    return Main.nanosecondsEach(size, n -> {
      for (int i = 0; i < n; i += 1000) {
        for (int k = 0; k < 1000; k++) tasks[k] = Thread.startVirtualThread(() -> {});
        for (Thread task : tasks) task.join();
      }
    });
  }

  private static long skynet(long first, long leaves) {
    if (leaves == 1) return first;
    long[] sums = new long[10];
    Thread[] children = new Thread[10];
    long each = leaves / 10;
    for (int i = 0; i < 10; i++) {
      int index = i;
      children[i] = Thread.startVirtualThread(() -> sums[index] = skynet(first + index * each, each));
    }
    long sum = 0;
    for (int i = 0; i < 10; i++) {
      joinQuietly(children[i]);
      sum += sums[i];
    }
    return sum;
  }

  static void joinQuietly(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  static double skynetByJoin(int workers, int size) throws Exception {
    skynet(0, size / 10);
    return Main.seconds(() -> Main.require(skynet(0, size) == (long) size * (size - 1) / 2, "skynet's sum"));
  }

  static double parkedOnOneEvent(int workers, int size) throws Exception {
    CountDownLatch parked = new CountDownLatch(size);
    CountDownLatch event = new CountDownLatch(1);
    return Main.seconds(() -> {
      Thread[] tasks = new Thread[size];
      for (int i = 0; i < size; i++) {
        tasks[i] = Thread.startVirtualThread(() -> {
          parked.countDown();
          try {
            event.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
      }
      parked.await();
      event.countDown();
      for (Thread task : tasks) task.join();
    });
  }

  static double sleepers(int workers, int size) throws Exception {
    return Main.seconds(() -> {
      Thread[] tasks = new Thread[size];
      for (int i = 0; i < size; i++) {
        tasks[i] = Thread.startVirtualThread(() -> {
          try {
            Thread.sleep(1000);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
      }
      for (Thread task : tasks) task.join();
    }) - 1;
  }

  /** One executor a branch: what is stable in the library; closing one interrupts and awaits its threads. */
  static double cancelTree(int workers, int size) throws Exception {
    CountDownLatch parked = new CountDownLatch(size);
    CountDownLatch never = new CountDownLatch(1);
    List<ExecutorService> branches = new ArrayList<>();
    for (int i = 0; i < size / 1000; i++) {
      ExecutorService branch = Executors.newVirtualThreadPerTaskExecutor();
      branches.add(branch);
      for (int k = 0; k < 1000; k++) {
        branch.submit(() -> {
          parked.countDown();
          never.await();
          return null;
        });
      }
    }
    parked.await();
    return Main.seconds(() -> {
      for (ExecutorService branch : branches) branch.shutdownNow();
      for (ExecutorService branch : branches) branch.awaitTermination(1, TimeUnit.MINUTES);
    });
  }

  /** Computes without ever calling into the scheduler. */
  private static void burn(long milliseconds) {
    long end = System.nanoTime() + milliseconds * 1_000_000;
    while (System.nanoTime() < end) Thread.onSpinWait();
  }

  static double tickerBesideHogs(int workers, int size) throws Exception {
    Thread[] hogs = new Thread[workers];
    for (int i = 0; i < workers; i++) {
      hogs[i] = Thread.startVirtualThread(() -> {
        for (int stretch = 0; stretch < 5; stretch++) {
          burn(size / 5);
          Thread.yield();
        }
      });
    }
    double[] lateness = new double[size];
    long begin = System.nanoTime();
    for (int tick = 1; tick <= size; tick++) {
      long due = begin + tick * 1_000_000L;
      while (System.nanoTime() < due) LockSupport.parkNanos(due - System.nanoTime());
      lateness[tick - 1] = (System.nanoTime() - due) / 1e6;
    }
    for (Thread hog : hogs) hog.join();
    return Main.percentile99(lateness);
  }
}
