// The workloads of bench/scheduler and bench/sync, and one of bench/wasm, in Go: goroutines, WaitGroup, locks, channels and context, as Go programs use them.
//
// Called as `go_bench WORKLOAD WORKERS SIZE`, prints one line of JSON; see bench/harness/harness.hpp.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

type workload struct {
	name string
	unit string
	run  func(workers, size int) float64
}

var workloads = []workload{
	{"switch", "ns", switchTwo},
	{"spawn_join_one", "ns", spawnJoinOne},
	{"spawn_join_one_park", "ns", spawnJoinOne}, // a WaitGroup always parks
	{"spawn_1000", "ns", spawn1000},
	{"skynet", "s", skynetByJoin},
	{"fork_join", "s", forkJoin},
	{"mandelbrot", "s", mandelbrot},
	{"1m_parked", "s", parkedOnOneEvent},
	{"100k_sleepers", "s", sleepers},
	{"cancel_tree", "s", cancelTree},
	{"ticker_beside_hogs", "ms", tickerBesideHogs},
	{"ticker_with_hog_guests", "ms", tickerWithHogs},
	{"skynet_channels", "s", skynetByChannels},
	{"channel_unbuffered", "ns", channelUnbuffered},
	{"channel_buffered", "ns", channelBuffered},
	{"channel_ping_pong", "ns", channelPingPong},
	{"channel_4p4c", "ns", channel4p4c},
	{"select_4", "ns", select4},
	{"mutex", "ns", mutexOf16},
	{"mutex_held_across_yield", "ns", mutexHeldAcrossYield},
	{"shared_mutex_read", "ns", sharedMutexRead},
	{"condition_turns", "ns", conditionTurns},
}

func seconds(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}

func nanosecondsEach(count int, f func(int)) float64 {
	f(count/10 + 1)
	return seconds(func() { f(count) }) * 1e9 / float64(count)
}

func percentile99(samples []float64) float64 {
	sort.Float64s(samples)
	return samples[(len(samples)*99+99)/100-1]
}

func require(condition bool, what string) {
	if !condition {
		fmt.Fprintln(os.Stderr, "wrong result:", what)
		os.Exit(1)
	}
}

func peakRssMb() float64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); fields[0] == "VmHWM:" {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			return kb / 1024
		}
	}
	return 0
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" && os.Args[2] == "--list" {
		fmt.Println("echo\nhttp")
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		workers, _ := strconv.Atoi(os.Args[3])
		serve(os.Args[2], workers)
	}
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(strings.TrimPrefix(runtime.Version(), "go"))
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "--list" {
		for _, w := range workloads {
			fmt.Println(w.name)
		}
		return
	}
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go_bench WORKLOAD WORKERS SIZE | --list | --version")
		os.Exit(2)
	}
	workers, _ := strconv.Atoi(os.Args[2])
	size, _ := strconv.Atoi(os.Args[3])
	for _, w := range workloads {
		if w.name == os.Args[1] {
			runtime.GOMAXPROCS(workers)
			value := w.run(workers, size)
			line, _ := json.Marshal(map[string]any{
				"workload": w.name, "unit": w.unit, "value": value, "peak_rss_mb": peakRssMb()})
			fmt.Println(string(line))
			return
		}
	}
	fmt.Fprintf(os.Stderr, "go_bench: no workload '%s'; see --list\n", os.Args[1])
	os.Exit(1)
}
