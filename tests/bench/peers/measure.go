// SPDX-License-Identifier: MIT

// tests/bench/peers/measure.go - measure.h for Go: the same option, the same line.
package main

import (
	"flag"
	"fmt"
	"sort"
	"time"
)

type measure struct {
	key   string
	count int
	run   func(count int) time.Duration
}

var seconds = flag.Float64("t", 0.1, "seconds for each measure")

func (m measure) median() float64 {
	var times []time.Duration
	m.run(m.count)
	end := time.Now().Add(time.Duration(*seconds * 1e9))
	for len(times) == 0 || time.Now().Before(end) {
		times = append(times, m.run(m.count))
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	return float64(times[len(times)/2]) / float64(m.count)
}

func measureAll(measures []measure) {
	separator := ""
	for _, m := range measures {
		fmt.Printf("%s%s=%.2f", separator, m.key, m.median())
		separator = " "
	}
	fmt.Println()
}
