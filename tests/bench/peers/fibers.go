// SPDX-License-Identifier: MIT

// tests/bench/peers/fibers.go - Go on the one processor that it is given; the measures are those of
// fibers_netpark.c.
package main

import (
	"flag"
	"runtime"
	"sync"
	"time"
)

func yieldAmong(goroutines, count int) time.Duration {
	isOver := false
	running := 1
	var ended sync.WaitGroup
	for i := 1; i < goroutines; i++ {
		ended.Add(1)
		go func() {
			running++
			for !isOver {
				runtime.Gosched()
			}
			ended.Done()
		}()
	}
	for running < goroutines {
		runtime.Gosched()
	}
	begin := time.Now()
	for i := 0; i < count; i += goroutines {
		runtime.Gosched()
	}
	took := time.Since(begin)
	isOver = true
	ended.Wait()
	return took
}

func spawnAtOnce(goroutines, count int) time.Duration {
	var ended sync.WaitGroup
	begin := time.Now()
	for i := 0; i < count; i += goroutines {
		ended.Add(goroutines)
		for started := 0; started < goroutines; started++ {
			go ended.Done()
		}
		ended.Wait()
	}
	return time.Since(begin)
}

func channelHops(capacity, count int) time.Duration {
	there, back := make(chan int32, capacity), make(chan int32, capacity)
	go func() {
		for token := range there {
			back <- token
		}
	}()
	runtime.Gosched()
	begin := time.Now()
	for i := 0; i < count; i += 2 {
		there <- 0
		<-back
	}
	took := time.Since(begin)
	close(there)
	return took
}

func mutexPasses(count int) time.Duration {
	var mutex sync.Mutex
	var ended sync.WaitGroup
	left := count
	contend := func() {
		for left > 0 {
			mutex.Lock()
			runtime.Gosched()
			left--
			mutex.Unlock()
			runtime.Gosched()
		}
		ended.Done()
	}
	ended.Add(2)
	begin := time.Now()
	go contend()
	contend()
	took := time.Since(begin)
	ended.Wait()
	return took
}

func condPasses(count int) time.Duration {
	var mutex sync.Mutex
	var ended sync.WaitGroup
	changed := sync.NewCond(&mutex)
	left, isMine := count, true
	play := func(mine bool) {
		mutex.Lock()
		for {
			for left > 0 && isMine != mine {
				changed.Wait()
			}
			if left == 0 {
				break
			}
			left--
			isMine = !mine
			changed.Signal()
		}
		changed.Signal()
		mutex.Unlock()
		ended.Done()
	}
	ended.Add(2)
	begin := time.Now()
	go play(false)
	play(true)
	took := time.Since(begin)
	ended.Wait()
	return took
}

func main() {
	flag.Parse()
	measureAll([]measure{
		{"yield2", 100000, func(count int) time.Duration { return yieldAmong(2, count) }},
		{"yield1000", 100000, func(count int) time.Duration { return yieldAmong(1000, count) }},
		{"spawn", 10000, func(count int) time.Duration { return spawnAtOnce(1, count) }},
		{"spawn1000", 10000, func(count int) time.Duration { return spawnAtOnce(1000, count) }},
		{"channel", 20000, func(count int) time.Duration { return channelHops(0, count) }},
		{"buffered", 20000, func(count int) time.Duration { return channelHops(1, count) }},
		{"mutex", 20000, mutexPasses},
		{"cond", 20000, condPasses},
	})
}
