// SPDX-License-Identifier: MIT

// tests/bench/peers/deadlines.go - Go, a timer for each deadline: what SetReadDeadline sets. The
// measures are those of deadlines.h.
package main

import (
	"flag"
	"math/rand"
	"time"
)

const (
	atATime = 100
	hour    = time.Hour
)

var (
	pending = flag.Int("n", 1, "deadlines that are pending")
	timers  []*time.Timer // first those that are armed, then atATime others
)

func swap(i, j int) {
	timers[i], timers[j] = timers[j], timers[i]
}

// choose atATime of the first so many, each as likely as the others: the last of them, then.
func choose(among int) []*time.Timer {
	for i := 1; i <= atATime; i++ {
		swap(among-i, rand.Intn(among-i+1))
	}
	return timers[among-atATime : among]
}

func armRest() {
	for _, timer := range timers[*pending:] {
		timer.Reset(hour)
	}
}

func cancel(chosen []*time.Timer) time.Duration {
	begin := time.Now()
	for _, timer := range chosen {
		timer.Stop()
	}
	return time.Since(begin)
}

func arm(int) time.Duration {
	begin := time.Now()
	armRest()
	took := time.Since(begin)
	cancel(choose(len(timers)))
	return took
}

func cancelSome(int) time.Duration {
	armRest()
	return cancel(choose(len(timers)))
}

// The one there is, or some of many.
func chooseArmed() []*time.Timer {
	if *pending >= atATime {
		return choose(*pending)
	}
	chosen := make([]*time.Timer, atATime)
	for i := range chosen {
		chosen[i] = timers[0]
	}
	return chosen
}

func move(int) time.Duration {
	chosen := chooseArmed()
	begin := time.Now()
	for _, timer := range chosen {
		timer.Reset(hour)
	}
	return time.Since(begin)
}

func moveToAny(int) time.Duration {
	chosen := chooseArmed()
	var durations [atATime]time.Duration
	for i := range durations {
		durations[i] = 1000*time.Second + time.Duration(rand.Int63n(int64(hour-1000*time.Second)))
	}
	begin := time.Now()
	for i, timer := range chosen {
		timer.Reset(durations[i])
	}
	return time.Since(begin)
}

func main() {
	flag.Parse()
	timers = make([]*time.Timer, *pending+atATime)
	for i := range timers {
		timers[i] = time.AfterFunc(hour, func() { panic("a timer that should not expire") })
	}
	cancel(timers[*pending:])
	measureAll([]measure{
		{"arm", atATime, arm},
		{"move", atATime, move},
		{"cancel", atATime, cancelSome},
		{"any", atATime, moveToAny},
	})
}
