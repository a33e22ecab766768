package main

import (
	"sync"
	"time"
)

const fibonacciCutoff = 12

func fibonacciByCalls(n int) int {
	if n < 2 {
		return n
	}
	return fibonacciByCalls(n-1) + fibonacciByCalls(n-2)
}

func fibonacciForked(n int) int {
	if n <= fibonacciCutoff {
		return fibonacciByCalls(n)
	}
	var a int
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		a = fibonacciForked(n - 1)
		done.Done()
	}()
	b := fibonacciForked(n - 2)
	done.Wait()
	return a + b
}

func fibonacci(n int) int {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	return a
}

func forkJoin(_, size int) float64 {
	fibonacciForked(size - 5)
	return seconds(func() { require(fibonacciForked(size) == fibonacci(size), "the Fibonacci number") })
}

func mandelbrotPoint(cx, cy float64) uint64 {
	x, y := 0.0, 0.0
	iterations := uint64(0)
	for iterations < 256 && x*x+y*y <= 4.0 {
		x, y = x*x-y*y+cx, 2*x*y+cy
		iterations++
	}
	return iterations
}

func mandelbrotRows(size, first, last int) uint64 {
	sum := uint64(0)
	for row := first; row < last; row++ {
		cy := 2.0*float64(row)/float64(size) - 1.0
		for column := 0; column < size; column++ {
			sum += mandelbrotPoint(3.0*float64(column)/float64(size)-2.0, cy)
		}
	}
	return sum
}

func mandelbrot(_, size int) float64 {
	expected := mandelbrotRows(size, 0, size)
	return seconds(func() {
		var sums [64]uint64
		var done sync.WaitGroup
		done.Add(64)
		for chunk := range sums {
			go func() {
				sums[chunk] = mandelbrotRows(size, size*chunk/64, size*(chunk+1)/64)
				done.Done()
			}()
		}
		done.Wait()
		sum := uint64(0)
		for _, s := range sums {
			sum += s
		}
		require(sum == expected, "the picture's sum")
	})
}

// Computes without ever calling into the scheduler.
func burn(duration time.Duration) {
	for end := time.Now().Add(duration); time.Now().Before(end); {
	}
}
