import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Workloads that compute, in parallel. */
final class Computing {
  private static final int FIBONACCI_CUTOFF = 12;

  private static long fibonacciByCalls(long n) {
    return n < 2 ? n : fibonacciByCalls(n - 1) + fibonacciByCalls(n - 2);
  }

  private static long fibonacciForked(long n) {
    if (n <= FIBONACCI_CUTOFF) return fibonacciByCalls(n);
    long[] a = new long[1];
    Thread other = Thread.startVirtualThread(() -> a[0] = fibonacciForked(n - 1));
    long b = fibonacciForked(n - 2);
    Scheduling.joinQuietly(other);
    return a[0] + b;
  }

  private static long fibonacci(long n) {
    long a = 0;
    long b = 1;
    for (long i = 0; i < n; i++) {
      long next = a + b;
      a = b;
      b = next;
    }
    return a;
  }

  static double forkJoin(int workers, int size) throws Exception {
    fibonacciForked(size - 5);
    return Main.seconds(() -> Main.require(fibonacciForked(size) == fibonacci(size), "the Fibonacci number"));
  }

  private static long mandelbrotPoint(double cx, double cy) {
    double x = 0;
    double y = 0;
    long iterations = 0;
    while (iterations < 256 && x * x + y * y <= 4.0) {
      double next = x * x - y * y + cx;
      y = 2 * x * y + cy;
      x = next;
      iterations++;
    }
    return iterations;
  }

  private static long mandelbrotRows(int size, int first, int last) {
    long sum = 0;
    for (int row = first; row < last; row++) {
      double cy = 2.0 * row / size - 1.0;
      for (int column = 0; column < size; column++) sum += mandelbrotPoint(3.0 * column / size - 2.0, cy);
    }
    return sum;
  }

  static double mandelbrot(int workers, int size) throws Exception {
    long expected = mandelbrotRows(size, 0, size);
    return Main.seconds(() -> {
      try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<Long>> chunks = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
          int chunk = i;
          chunks.add(executor.submit(() -> mandelbrotRows(size, size * chunk / 64, size * (chunk + 1) / 64)));
        }
        long sum = 0;
        for (Future<Long> chunk : chunks) sum += chunk.get();
        Main.require(sum == expected, "the picture's sum");
      }
    });
  }
}
