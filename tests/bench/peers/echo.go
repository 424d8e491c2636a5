// SPDX-License-Identifier: MIT

// tests/bench/peers/echo.go - Go, a goroutine for each connection. It has as many workers as it is
// given processors: the runtime sees how many it may use.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var (
	size         = flag.Int("s", 512, "size of each connection's buffer")
	setsDeadline = flag.Bool("d", false, "a new deadline before each read")
)

func serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, *size)
	for {
		if *setsDeadline {
			conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		}
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

func stopOnSignal() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	os.Exit(0)
}

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp4", flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	go stopOnSignal()
	fmt.Println(listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		go serve(conn)
	}
}
