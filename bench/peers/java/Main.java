import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The workloads of bench/scheduler on virtual threads, written as Java programs use them.
 *
 * <p>Called as {@code java Main WORKLOAD WORKERS SIZE}, prints one line of JSON; see bench/harness/harness.hpp.
 */
final class Main {
  interface Body {
    double run(int workers, int size) throws Exception;
  }

  interface Work {
    void run() throws Exception;
  }

  interface CountedWork {
    void run(int count) throws Exception;
  }

  record Workload(String unit, Body body) {}

  private static final Map<String, Workload> WORKLOADS = new LinkedHashMap<>();

  static {
    WORKLOADS.put("switch", new Workload("ns", Scheduling::switchTwo));
    WORKLOADS.put("spawn_join_one", new Workload("ns", Scheduling::spawnJoinOne));
    WORKLOADS.put("spawn_join_one_park", new Workload("ns", Scheduling::spawnJoinOne)); // a join always parks
    WORKLOADS.put("spawn_1000", new Workload("ns", Scheduling::spawn1000));
    WORKLOADS.put("skynet", new Workload("s", Scheduling::skynetByJoin));
    WORKLOADS.put("fork_join", new Workload("s", Computing::forkJoin));
    WORKLOADS.put("mandelbrot", new Workload("s", Computing::mandelbrot));
    WORKLOADS.put("1m_parked", new Workload("s", Scheduling::parkedOnOneEvent));
    WORKLOADS.put("100k_sleepers", new Workload("s", Scheduling::sleepers));
    WORKLOADS.put("cancel_tree", new Workload("s", Scheduling::cancelTree));
    WORKLOADS.put("ticker_beside_hogs", new Workload("ms", Scheduling::tickerBesideHogs));
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 1 && arguments[0].equals("--version")) {
      Runtime.Version version = Runtime.version();
      System.out.println(version.feature() + "." + version.interim() + "." + version.update());
    } else if (arguments.length == 1 && arguments[0].equals("--list")) {
      WORKLOADS.keySet().forEach(System.out::println);
    } else if (arguments.length == 3 && WORKLOADS.containsKey(arguments[0])) {
      measure(arguments[0], Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
    } else {
      System.err.println("usage: Main WORKLOAD WORKERS SIZE | --list | --version");
      System.exit(2);
    }
  }

  private static void measure(String name, int workers, int size) throws Exception {
    // Read when the first virtual thread starts, which is below.
    System.setProperty("jdk.virtualThreadScheduler.parallelism", Integer.toString(workers));
    System.setProperty("jdk.virtualThreadScheduler.maxPoolSize", Integer.toString(workers));
    Workload workload = WORKLOADS.get(name);
    double[] value = {Double.NaN};
    Thread.startVirtualThread(() -> {
      try {
        value[0] = workload.body().run(workers, size);
      } catch (Exception e) {
        e.printStackTrace();
      }
    }).join();
    require(!Double.isNaN(value[0]), "no value");
    System.out.println("{\"workload\": \"" + name + "\", \"unit\": \"" + workload.unit() + "\", \"value\": " + value[0]
        + ", \"peak_rss_mb\": " + peakRssMb() + "}");
  }

  static double seconds(Work work) throws Exception {
    long begin = System.nanoTime();
    work.run();
    return (System.nanoTime() - begin) / 1e9;
  }

  static double nanosecondsEach(int count, CountedWork work) throws Exception {
    work.run(count / 10 + 1);
    return seconds(() -> work.run(count)) * 1e9 / count;
  }

  static double percentile99(double[] samples) {
    Arrays.sort(samples);
    return samples[(samples.length * 99 + 99) / 100 - 1];
  }

  static void require(boolean condition, String what) {
    if (!condition) throw new IllegalStateException("wrong result: " + what);
  }

  private static double peakRssMb() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) return Double.parseDouble(line.replaceAll("\\D", "")) / 1024;
    }
    return 0;
  }
}
