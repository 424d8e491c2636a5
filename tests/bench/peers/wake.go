// SPDX-License-Identifier: MIT

// tests/bench/peers/wake.go - Go, a goroutine that waits for a channel with room for one element. Who
// wakes it is bound to a thread of its own, or both would take turns on one. The measures are those
// of wake.h.
package main

import (
	"flag"
	"runtime"
	"time"
)

var (
	wakes     = make(chan struct{}, 1)
	answers   = make(chan struct{}, 1)
	mayGoOn   = make(chan struct{})
	keepsBusy bool
)

func wake() {
	select {
	case wakes <- struct{}{}:
	default:
	}
}

func answerWakes() {
	for range wakes {
		waits := keepsBusy
		answers <- struct{}{}
		if waits {
			<-mayGoOn
		}
	}
}

func trip(count int) time.Duration {
	begin := time.Now()
	for i := 0; i < count; i++ {
		wake()
		<-answers
	}
	return time.Since(begin)
}

func pendingWakes(count int) time.Duration {
	keepsBusy = true
	wake()
	<-answers
	wake()
	begin := time.Now()
	for i := 0; i < count; i++ {
		wake()
	}
	took := time.Since(begin)
	keepsBusy = false
	mayGoOn <- struct{}{}
	<-answers
	return took
}

func main() {
	flag.Parse()
	runtime.LockOSThread()
	go answerWakes()
	measureAll([]measure{
		{"trip", 100, trip},
		{"pending", 10000, pendingWakes},
	})
}
