// SPDX-License-Identifier: MIT

// tests/bench/peers/http.go - Go's net/http, answering what the HTTP example answers.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func hello(writer http.ResponseWriter, request *http.Request) {
	writer.Header().Set("Content-Type", "text/plain")
	writer.Write([]byte("Hello, world!\n"))
}

func stopOnSignal() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	os.Exit(0)
}

func main() {
	listener, err := net.Listen("tcp4", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	go stopOnSignal()
	fmt.Println(listener.Addr())
	http.HandleFunc("/hello", hello)
	fmt.Fprintln(os.Stderr, "bench:", http.Serve(listener, nil))
	os.Exit(1)
}
