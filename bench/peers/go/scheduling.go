package main

import (
	"context"
	"runtime"
	"sync"
	"time"
)

func switchTwo(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		var done sync.WaitGroup
		done.Add(2)
		for i := 0; i < 2; i++ {
			go func() {
				for k := 0; k < n/2; k++ {
					runtime.Gosched()
				}
				done.Done()
			}()
		}
		done.Wait()
	})
}

func spawnJoinOne(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		for i := 0; i < n; i++ {
			var done sync.WaitGroup
			done.Add(1)
			go func() { done.Done() }()
			done.Wait()
		}
	})
}

func spawn1000(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		for i := 0; i < n; i += 1000 {
			var done sync.WaitGroup
			done.Add(1000)
			for k := 0; k < 1000; k++ {
				go func() { done.Done() }()
			}
			done.Wait()
		}
	})
}

func skynet(first, leaves int) int {
	if leaves == 1 {
		return first
	}
	var sums [10]int
	var done sync.WaitGroup
	done.Add(10)
	each := leaves / 10
	for i := 0; i < 10; i++ {
		go func() {
			sums[i] = skynet(first+i*each, each)
			done.Done()
		}()
	}
	done.Wait()
	sum := 0
	for _, s := range sums {
		sum += s
	}
	return sum
}

func skynetByJoin(_, size int) float64 {
	skynet(0, size/10)
	return seconds(func() { require(skynet(0, size) == size*(size-1)/2, "skynet's sum") })
}

func parkedOnOneEvent(_, size int) float64 {
	event := make(chan struct{})
	var parked, done sync.WaitGroup
	parked.Add(size)
	done.Add(size)
	return seconds(func() {
		for i := 0; i < size; i++ {
			go func() {
				parked.Done()
				<-event
				done.Done()
			}()
		}
		parked.Wait()
		close(event)
		done.Wait()
	})
}

func sleepers(_, size int) float64 {
	return seconds(func() {
		var done sync.WaitGroup
		done.Add(size)
		for i := 0; i < size; i++ {
			go func() {
				time.Sleep(time.Second)
				done.Done()
			}()
		}
		done.Wait()
	}) - 1
}

func cancelTree(_, size int) float64 {
	root, cancel := context.WithCancel(context.Background())
	var parked, done sync.WaitGroup
	parked.Add(size)
	for branch := 0; branch < size/1000; branch++ {
		done.Add(1)
		go func() {
			defer done.Done()
			scope, leave := context.WithCancel(root)
			defer leave()
			var children sync.WaitGroup
			children.Add(1000)
			for i := 0; i < 1000; i++ {
				go func() {
					defer children.Done()
					parked.Done()
					<-scope.Done()
				}()
			}
			children.Wait()
		}()
	}
	parked.Wait()
	return seconds(func() {
		cancel()
		done.Wait()
	})
}

func tickerBesideHogs(workers, size int) float64 {
	var hogs sync.WaitGroup
	for i := 0; i < workers; i++ {
		hogs.Add(1)
		go func() {
			defer hogs.Done()
			for stretch := 0; stretch < 5; stretch++ {
				burn(time.Duration(size/5) * time.Millisecond)
				runtime.Gosched()
			}
		}()
	}
	lateness := latenessOfTicks(size)
	hogs.Wait()
	return percentile99(lateness)
}

// What weft does with guests that compute for ever. Goroutines cannot be ended: these end with the process.
func tickerWithHogs(_, size int) float64 {
	for i := 0; i < 4; i++ {
		go func(count *int) {
			for {
				*count++
			}
		}(new(int))
	}
	return percentile99(latenessOfTicks(size))
}

// In ms, of each of so many ticks of 1 ms.
func latenessOfTicks(count int) []float64 {
	lateness := make([]float64, 0, count)
	begin := time.Now()
	for tick := 1; tick <= count; tick++ {
		due := begin.Add(time.Duration(tick) * time.Millisecond)
		time.Sleep(time.Until(due)) // returns at once if that is in the past
		lateness = append(lateness, float64(time.Since(due))/1e6)
	}
	return lateness
}
