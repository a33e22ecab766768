// Counts the primes up to a number with goroutines that pass numbers on channels: a guest with a scheduler of its own.
//
//	primes LIMIT GOROUTINES
package main

import (
	"fmt"
	"os"
	"strconv"
)

type segment struct{ low, high int }

// How many primes there are in one segment, by striking out the multiples of the primes up to its root.
func countSegment(s segment, roots []int) int {
	composite := make([]bool, s.high-s.low+1)
	for _, p := range roots {
		first := max(p*p, (s.low+p-1)/p*p)
		for multiple := first; multiple <= s.high; multiple += p {
			composite[multiple-s.low] = true
		}
	}
	count := 0
	for _, c := range composite {
		if !c {
			count++
		}
	}
	return count
}

func rootsOf(limit int) []int {
	var roots []int
	for n := 2; n*n <= limit; n++ {
		prime := true
		for _, p := range roots {
			if n%p == 0 {
				prime = false
				break
			}
		}
		if prime {
			roots = append(roots, n)
		}
	}
	return roots
}

func countPrimes(limit, goroutines int) int {
	const size = 1 << 15
	roots := rootsOf(limit)
	segments := make(chan segment)
	counts := make(chan int)
	for i := 0; i < goroutines; i++ {
		go func() {
			sum := 0
			for s := range segments {
				sum += countSegment(s, roots)
			}
			counts <- sum
		}()
	}
	for low := 2; low <= limit; low += size {
		segments <- segment{low, min(low+size-1, limit)}
	}
	close(segments)
	total := 0
	for i := 0; i < goroutines; i++ {
		total += <-counts
	}
	return total
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: primes LIMIT GOROUTINES")
		os.Exit(2)
	}
	limit, err1 := strconv.Atoi(os.Args[1])
	goroutines, err2 := strconv.Atoi(os.Args[2])
	if err1 != nil || err2 != nil || limit < 2 || goroutines < 1 {
		fmt.Fprintln(os.Stderr, "primes: LIMIT must be 2 or more, GOROUTINES 1 or more")
		os.Exit(2)
	}
	fmt.Println(countPrimes(limit, goroutines))
}
