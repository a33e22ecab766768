package main

import "sync"

// The workloads of bench/sync that are about channels.

func sendAll(channel chan<- int, first, end int) {
	for i := first; i < end; i++ {
		channel <- i
	}
}

func passThrough(size, capacity int) float64 {
	return nanosecondsEach(size, func(n int) {
		channel := make(chan int, capacity)
		sum := 0
		var done sync.WaitGroup
		done.Add(2)
		go func() {
			sendAll(channel, 0, n)
			done.Done()
		}()
		go func() {
			for i := 0; i < n; i++ {
				sum += <-channel
			}
			done.Done()
		}()
		done.Wait()
		require(sum == n*(n-1)/2, "the sum of what was received")
	})
}

func channelUnbuffered(_, size int) float64 { return passThrough(size, 0) }

func channelBuffered(_, size int) float64 { return passThrough(size, 128) }

func channelPingPong(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		ping, pong := make(chan int), make(chan int)
		var done sync.WaitGroup
		done.Add(2)
		go func() {
			for i := 0; i < n; i++ {
				pong <- <-ping + 1
			}
			done.Done()
		}()
		go func() {
			for i := 0; i < n; i++ {
				ping <- i
				require(<-pong == i+1, "the answer")
			}
			done.Done()
		}()
		done.Wait()
	})
}

func channel4p4c(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		channel := make(chan int, 128)
		var sums [4]int
		var producers, consumers sync.WaitGroup
		for i := range sums {
			consumers.Add(1)
			go func() {
				sum := 0
				for value := range channel {
					sum += value
				}
				sums[i] = sum
				consumers.Done()
			}()
		}
		for p := 0; p < 4; p++ {
			producers.Add(1)
			go func() {
				sendAll(channel, n*p/4, n*(p+1)/4)
				producers.Done()
			}()
		}
		producers.Wait()
		close(channel)
		consumers.Wait()
		require(sums[0]+sums[1]+sums[2]+sums[3] == n*(n-1)/2, "the sum of what was received")
	})
}

func select4(_, size int) float64 {
	return nanosecondsEach(size, func(n int) {
		var channels [4]chan int
		for p := range channels {
			channels[p] = make(chan int)
			go sendAll(channels[p], n*p/4, n*(p+1)/4)
		}
		sum := 0
		for i := 0; i < n; i++ {
			select {
			case v := <-channels[0]:
				sum += v
			case v := <-channels[1]:
				sum += v
			case v := <-channels[2]:
				sum += v
			case v := <-channels[3]:
				sum += v
			}
		}
		require(sum == n*(n-1)/2, "the sum of what was received")
	})
}

func skynetOver(out chan<- int, first, leaves int) {
	if leaves == 1 {
		out <- first
		return
	}
	sums := make(chan int)
	each := leaves / 10
	for i := 0; i < 10; i++ {
		go skynetOver(sums, first+i*each, each)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-sums
	}
	out <- sum
}

func skynetByChannels(_, size int) float64 {
	run := func(leaves int) int {
		sum := make(chan int)
		go skynetOver(sum, 0, leaves)
		return <-sum
	}
	run(size / 10)
	return seconds(func() { require(run(size) == size*(size-1)/2, "skynet's sum") })
}
