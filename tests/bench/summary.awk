# SPDX-License-Identifier: MIT
# tests/bench/summary.awk - a table of medians from many rounds.
#
# Reads lines of ROUND SERVER KEY=VALUE... A ratio is to the server base in the same round, and the
# median is of these ratios: what disturbs a whole round cancels out. Variables: order, the servers;
# base, one of them, or several with a ratio to each; nocpu leaves out the processor time, which says
# nothing where not all work is counted; only, the one key to show; title, what to call it; format, of
# its values, "%.1f" unless set; cost, a server: what it takes more than base.

BEGIN {
	base_count = split(base, bases, " ")
	if (format == "")
		format = "%.1f"
}

{
	round = $1
	server = $2
	if (round > rounds)
		rounds = round
	for (i = 3; i <= NF; i++) {
		split($i, pair, "=")
		value[round, server, pair[1]] = pair[2]
	}
}

# x into sorted[], which has n with it.
function insert(n, x,    i) {
	for (i = n; i > 1 && sorted[i - 1] > x; i--)
		sorted[i] = sorted[i - 1]
	sorted[i] = x
}

# Fill sorted[] with what is there of key, over the value of server to in the same round if it is given.
function collect(server, key, to,    round, n, x) {
	n = 0
	for (round = 1; round <= rounds; round++) {
		if (!((round, server, key) in value))
			continue
		x = value[round, server, key]
		if (to != "") {
			if (!((round, to, key) in value) || value[round, to, key] == 0)
				continue
			x /= value[round, to, key]
		}
		insert(++n, x)
	}
	return n
}

function median(n) {
	return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function show(server, key, to, scale, format, has_spread,    n, m) {
	n = collect(server, key, to)
	if (n == 0)
		return "-"
	m = sprintf(format, median(n) / scale)
	if (!has_spread || n == 1)
		return m
	return m " (" sprintf(format, sorted[1] / scale) ".." sprintf(format, sorted[n] / scale) ")"
}

# The kernel splits user from system by its ticks, too coarse for one round: the mean of all.
function mean(server, key,    n, i, sum) {
	n = collect(server, key, "")
	for (i = 1; i <= n; i++)
		sum += sorted[i]
	return n ? sprintf("%.2f", sum / n / 1000) : "-"
}

# One column for each base.
function ratio_titles(width,    b, titles) {
	for (b = 1; b <= base_count; b++)
		titles = titles sprintf(" %" width "s", base_count == 1 ? "ratio" : "to " bases[b])
	return titles
}

function ratios(server, key, format, width,    b, columns) {
	for (b = 1; b <= base_count; b++)
		columns = columns sprintf(" %" width "s", show(server, key, bases[b], 1, format, 1))
	return columns
}

function show_only(names, count,    s) {
	printf "%-17s %28s%s\n", "", title == "" ? only : title, ratio_titles(20)
	for (s = 1; s <= count; s++)
		printf "%-17s %28s%s\n", names[s], show(names[s], only, "", 1, format, 1),
			ratios(names[s], only, "%.3f", 20)
}

# Processor time of cost beyond that of base in the same round.
function show_cost(    round, n, m) {
	for (round = 1; round <= rounds; round++)
		if ((round, cost, "cpu") in value && (round, base, "cpu") in value)
			insert(++n, value[round, cost, "cpu"] - value[round, base, "cpu"])
	if (n == 0)
		return
	m = median(n)
	printf "%s takes %.0f%s ns more for each request", cost, m,
		n == 1 ? "" : sprintf(" (%.0f..%.0f)", sorted[1], sorted[n])
	collect(base, "cpu", "")
	printf ", %.1f %%\n", 100 * m / median(n)
}

END {
	if (cost != "") {
		show_cost()
		exit
	}
	count = split(order, names, " ")
	if (only != "") {
		show_only(names, count)
		exit
	}
	printf "%-17s %28s%s", "", "requests/s", ratio_titles(18)
	if (!nocpu)
		printf " %22s%s %6s %6s", "CPU us/request", ratio_titles(21), "user", "system"
	printf " %8s %8s %8s\n", "p50 us", "p99", "p99.9"
	for (s = 1; s <= count; s++) {
		name = names[s]
		printf "%-17s %28s%s", name, show(name, "rate", "", 1, "%.0f", 1),
			ratios(name, "rate", "%.2f", 18)
		if (!nocpu)
			printf " %22s%s %6s %6s", show(name, "cpu", "", 1000, "%.2f", 1),
				ratios(name, "cpu", "%.3f", 21), mean(name, "user"), mean(name, "system")
		printf " %8s %8s %8s\n", show(name, "p50", "", 1, "%.0f", 0), show(name, "p99", "", 1, "%.0f", 0),
			show(name, "p999", "", 1, "%.0f", 0)
	}
}
