// SPDX-License-Identifier: MIT

// tests/bench/peers/workers.go - Go, a goroutine at each end of socket pairs; options and measures are
// those of workers_netpark.c. Goroutines go from thread to thread, so there is no busiest one.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type asker struct {
	conn        net.Conn
	messages    uint64
	messagesMax uint64 // 0: until isOver
	_           [64]byte
}

var (
	ended  sync.WaitGroup
	isOver uint32
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (a *asker) ask() {
	message := make([]byte, 64)
	for {
		if a.messagesMax > 0 && a.messages == a.messagesMax || atomic.LoadUint32(&isOver) != 0 {
			break
		}
		_, err := a.conn.Write(message)
		check(err)
		_, err = io.ReadFull(a.conn, message)
		check(err)
		atomic.AddUint64(&a.messages, 1)
	}
	a.conn.Close()
	ended.Done()
}

func answer(conn net.Conn) {
	buffer := make([]byte, 512)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			break
		}
		if _, err = conn.Write(buffer[:n]); err != nil {
			break
		}
	}
	conn.Close()
	ended.Done()
}

func conn(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "")
	conn, err := net.FileConn(file)
	check(err)
	file.Close()
	return conn
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func countRequests(askers []asker) uint64 {
	var sum uint64
	for i := range askers {
		sum += atomic.LoadUint64(&askers[i].messages)
	}
	return sum
}

func main() {
	pairs := flag.Int("c", 64, "socket pairs")
	requests := flag.Uint64("r", 0, "requests, or as long as -t")
	seconds := flag.Float64("t", 1, "seconds")
	workers := flag.Int("w", 1, "GOMAXPROCS")
	flag.Parse()
	runtime.GOMAXPROCS(*workers)
	askers := make([]asker, *pairs)
	ended.Add(2 * *pairs)
	for i := range askers {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		check(err)
		askers[i] = asker{conn: conn(fds[0]), messagesMax: *requests / uint64(*pairs)}
		go answer(conn(fds[1]))
		go askers[i].ask()
	}
	var served uint64
	if *requests == 0 {
		time.Sleep(100 * time.Millisecond)
		served = countRequests(askers)
	}
	begin, cpu := time.Now(), cpuTime()
	if *requests == 0 {
		time.Sleep(time.Duration(*seconds * 1e9))
	} else {
		ended.Wait()
	}
	served = countRequests(askers) - served
	took, cpu := time.Since(begin), cpuTime()-cpu
	fmt.Printf("rate=%.0f cpu=%.0f\n", float64(served)/took.Seconds(), float64(cpu)/float64(served))
	atomic.StoreUint32(&isOver, 1)
	ended.Wait()
}
