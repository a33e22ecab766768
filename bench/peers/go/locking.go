package main

import (
	"runtime"
	"sync"
)

const lockers = 16

// So many goroutines that each do their share of n operations.
func share(n int, operation func()) {
	var done sync.WaitGroup
	done.Add(lockers)
	for t := 0; t < lockers; t++ {
		go func() {
			for i := t; i < n; i += lockers {
				operation()
			}
			done.Done()
		}()
	}
	done.Wait()
}

func mutexOf16(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		var lock sync.Mutex
		counter := 0
		var done sync.WaitGroup
		done.Add(lockers)
		for t := 0; t < lockers; t++ {
			go func() {
				for i := t; i < n; i += lockers {
					lock.Lock()
					counter++
					lock.Unlock()
				}
				done.Done()
			}()
		}
		done.Wait()
		require(counter == n, "the count under the mutex")
	})
}

func mutexHeldAcrossYield(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		var lock sync.Mutex
		counter := 0
		share(n, func() {
			lock.Lock()
			before := counter
			runtime.Gosched()
			counter = before + 1
			lock.Unlock()
		})
		require(counter == n, "the count under the mutex")
	})
}

func sharedMutexRead(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		var lock sync.RWMutex
		share(n, func() {
			lock.RLock()
			lock.RUnlock()
		})
	})
}

func conditionTurns(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		var lock sync.Mutex
		changed := sync.NewCond(&lock)
		first := true
		var done sync.WaitGroup
		done.Add(2)
		for _, mine := range []bool{true, false} {
			go func() {
				for i := 0; i < n/2; i++ {
					lock.Lock()
					for first != mine {
						changed.Wait()
					}
					first = !mine
					changed.Signal()
					lock.Unlock()
				}
				done.Done()
			}()
		}
		done.Wait()
	})
}
