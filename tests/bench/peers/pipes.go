// SPDX-License-Identifier: MIT

// tests/bench/peers/pipes.go - Go, a goroutine for each descriptor, which reads, writes to the next one
// and reads again. Options and measures are those of pipes.h.
//
// os.NewFile hands a descriptor that does not block to the runtime's poller: its way to wait for what
// package net does not know.
package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"sync/atomic"
	"syscall"
	"time"
)

// An eventfd takes eight bytes.
type token [8]byte

// Each read takes one token, as from a socket. The scheduler lets one catch up with another at times,
// and an eventfd without this would make one of the two.
const efdSemaphore = 1

var (
	kind      = flag.String("k", "eventfd", "eventfd or socketpair")
	count     = flag.Int("n", 100, "descriptors")
	active    = flag.Int("a", 10, "tokens")
	eventsMax = flag.Int64("w", 100000, "events of a round")
	rounds    = flag.Int("r", 7, "rounds")

	one     = token{1}
	readers []*os.File
	writers []*os.File // the same for eventfds
	events  int64      // so far in this round
	first   int        // where the tokens start, further in each round
	over    = make(chan struct{}, 1)
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func openPair() (reader, writer *os.File) {
	if *kind == "socketpair" {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		check(err)
		return os.NewFile(uintptr(fds[0]), ""), os.NewFile(uintptr(fds[1]), "")
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, efdSemaphore|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		check(errno)
	}
	file := os.NewFile(fd, "")
	return file, file
}

func writeToken(index int, token []byte) {
	_, err := writers[index].Write(token)
	check(err)
}

func walk(index int) {
	var taken token
	buffer := taken[:]
	next := (index + 1) % *count
	for {
		_, err := readers[index].Read(buffer)
		check(err)
		served := atomic.AddInt64(&events, 1)
		// The last event of each token writes nothing.
		if served+int64(*active) <= *eventsMax {
			writeToken(next, buffer)
		}
		if served == *eventsMax {
			over <- struct{}{}
		}
	}
}

func timeRound() float64 {
	step := *count / *active
	begin := time.Now()
	atomic.StoreInt64(&events, 0)
	for i := 0; i < *active; i++ {
		writeToken((first+i*step)%*count, one[:])
	}
	<-over
	// The next round goes on where this one ended.
	first = (first + int(*eventsMax)/(*active)) % *count
	return float64(time.Since(begin)) / float64(*eventsMax)
}

func main() {
	flag.Parse()
	if *rounds < 1 || *active < 1 || *active > *count || *eventsMax < int64(*active) {
		check(fmt.Errorf("numbers that make no sense"))
	}
	readers = make([]*os.File, *count)
	writers = make([]*os.File, *count)
	for i := range readers {
		readers[i], writers[i] = openPair()
		go walk(i)
	}
	timeRound()
	ns := make([]float64, *rounds)
	for i := range ns {
		ns[i] = timeRound()
	}
	sort.Float64s(ns)
	fmt.Printf("ns=%.1f min=%.1f max=%.1f\n", ns[*rounds/2], ns[0], ns[*rounds-1])
}
