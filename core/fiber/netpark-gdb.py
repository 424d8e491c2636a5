# SPDX-License-Identifier: MIT
"""core/fiber/netpark-gdb.py - fibers in gdb, of a process and of a core file.

        source core/fiber/netpark-gdb.py
        info fibers             what each is called, and what it does
        fiber 3 bt              a command in a fiber, by its number or its id
        fiber all bt 5          in each

A fiber that runs is where its thread is. Any other is only a stack pointer, and gdb has no thread
for it. So while the command runs, the selected thread's innermost frame is said to have been called
from where the fiber stopped: from the label np__context_parked, which the assembly files have in
their switch. What is on the stack there is told by the switch's CFI; no processor's layout is
repeated here, and registers are not written, which a core file would not let us do.

So the fiber's own frames begin with number 1; the thread's, 0, is left out of backtraces.
Thread-local variables stay those of the selected thread. Wants gdb 12 and debug information.

Core files that the kernel writes have every stack. gdb's generate-core-file leaves out what follows
a page it cannot read, which is most stacks where their guards are guard regions (Linux 6.13).
"""
import bisect
import contextlib
import itertools

import gdb
import gdb.unwinder

STORED = 64  # bytes of a stopped fiber's stack, one of them not zero

# ---- what the runtime knows ----------------------------------------------------------------------


class Constants:
    """Of fiber.h and table.h, as the program was built with: FIBER_LIVE is LIVE here."""

    def __init__(self):
        for name in ('LIVE', 'BEGUN', 'ASKED', 'ENDED', 'STATE_BITS', 'PLACE_BITS',
                     'SLAB_FIRST_BITS'):
            setattr(self, name, int(gdb.parse_and_eval('(int)FIBER_' + name)))


def find_runtime():
    """runtime.c's. With link-time optimization there is a second one, that says it has no value."""
    for symbol in gdb.lookup_static_symbols('running'):
        if str(symbol.type) == 'struct runtime *' and not symbol.value().is_optimized_out:
            if int(symbol.value()) == 0:
                raise gdb.GdbError('no fibers: np_run() is not running')
            return symbol.value()
    raise gdb.GdbError('no debug information of netpark: not loaded yet, or built without -g')


def each_record(runtime, constants):
    """All that were ever given out, by place."""
    left = int(runtime['table']['used'])
    for slab in itertools.count():
        first = runtime['table']['slabs'][slab]
        count = min(left, 1 << (slab + constants.SLAB_FIRST_BITS))
        yield from (first[i] for i in range(count))
        left -= count
        if left == 0:
            return


def queued_tasks(runtime):
    """The addresses of those that are ready. A record begins with its task."""
    tasks = set()
    for i in range(int(runtime['worker_count'])):
        worker = runtime['workers'][i]
        for task in worker['ready']['first'], worker['sated']['first'], worker['inbox']:
            while int(task) and int(task) not in tasks:
                tasks.add(int(task))
                task = task['next']
    return tasks


def text(pointer):
    """A string of the program's, which may have broken it."""
    try:
        return pointer.string(errors='replace')
    except gdb.MemoryError:
        return '<bad address 0x%x>' % int(pointer)


class ThreadStacks:
    """
    Which thread is on which stack. Stack pointers tell it at any moment, also in the middle of a
    switch, and need no thread-local variables, which gdb cannot always read. A few frames of each
    thread, because it may be in a signal handler with a stack of its own.
    """
    FRAMES = 64

    def __init__(self):
        self.pairs = []
        with selection_kept():
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                for frame in itertools.islice(each_frame(), self.FRAMES):
                    self.pairs.append((int(frame.read_register('sp')), thread))
        self.pairs.sort(key=lambda pair: pair[0])
        self.pointers = [pair[0] for pair in self.pairs]

    def find(self, low, top):
        i = bisect.bisect_left(self.pointers, low)
        return self.pairs[i][1] if i < len(self.pairs) and self.pointers[i] < top else None


class Fiber:
    def __init__(self, record, state, constants, is_queued, thread):
        self.record = record
        self.has_begun = state & constants.BEGUN
        self.was_asked = state & constants.ASKED
        self.has_ended = state & constants.ENDED
        self.place = int(record['place'])
        # As np__fiber_id().
        self.id = ((state >> constants.STATE_BITS) + 1) << constants.PLACE_BITS | self.place
        self.is_queued = is_queued
        self.thread = thread

    def name(self):
        """The function it began with, and what it calls itself."""
        function = self.record['member' if int(self.record['group']) else 'fn']
        function = function.format_string(symbols=True).partition('<')[2].rstrip('>')
        name = self.record['name']
        return '%s "%s"' % (function, text(name)) if int(name) else function

    def worker(self):
        return str(self.record['worker']['index']) if self.has_begun else '-'

    def doing(self):
        return self.doing_now() + (', asked to end' if self.was_asked else '')

    def doing_now(self):
        if self.thread:
            return 'running: thread %d' % self.thread.num
        if self.has_ended:
            return 'ended'
        if not self.has_begun:
            return 'not begun'
        if self.is_queued or int(self.record['wait']) == 0:
            return 'ready'
        return 'waiting: ' + self.waiting_for()

    def waiting_for(self):
        wait = self.record['wait'].dereference()
        kinds = gdb.parse_and_eval('np__poll_waits')
        for side in range(kinds.type.range()[1] + 1):
            if wait.address == kinds[side].address:
                return '%s, descriptor %d' % (text(wait['what']), self.descriptor(side))
        return text(wait['what'])

    def descriptor(self, side):
        """A wait for a descriptor is given the address of its slot: poll_desc.c."""
        desc = gdb.lookup_type('struct np_poll_desc').pointer()
        offset = int(gdb.Value(0).cast(desc)['slot'][side].address)
        return int(gdb.Value(int(self.record['wait_arg']) - offset).cast(desc)['fd'])


def each_fiber():
    runtime = find_runtime()
    constants = Constants()
    queued = queued_tasks(runtime)
    stacks = ThreadStacks()
    for record in each_record(runtime, constants):
        state = int(record['state'])
        if state & constants.LIVE:
            thread = stacks.find(int(record['stack']['low']), int(record['stack']['top']))
            yield Fiber(record, state, constants, int(record.address) in queued, thread)


# ---- frames --------------------------------------------------------------------------------------


def each_frame():
    """Of the selected thread, the innermost first."""
    frame = gdb.newest_frame()
    while frame:
        yield frame
        frame = frame.older()


@contextlib.contextmanager
def selection_kept():
    """What thread and frame are selected now, are so again afterwards."""
    thread = gdb.selected_thread()
    level = gdb.selected_frame().level() if thread else 0
    try:
        yield
    finally:
        if thread and thread.is_valid():
            thread.switch()
            next(itertools.islice(each_frame(), level, None), gdb.newest_frame()).select()


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Bridge(gdb.unwinder.Unwinder):
    """
    Leads from a thread's innermost frame to the fiber's. As a frame filter it hides the former.
    Both are asked only while it is enabled.
    """

    def __init__(self):
        super().__init__('netpark-fiber')
        self.priority = 100
        self.enabled = False

    def __call__(self, pending):
        """As an unwinder. An innermost frame that was inlined comes first, with the same place."""
        sp, pc = pending.read_register('sp'), pending.read_register('pc')
        if (int(sp), int(pc)) != self.innermost:
            return None
        fiber_sp = gdb.Value(self.sp).cast(sp.type)
        # Named after the fiber's stack: gdb gives up where callers lie below those they called.
        info = pending.create_unwind_info(FrameId(fiber_sp, pc))
        info.add_saved_register('sp', fiber_sp)
        info.add_saved_register('pc', gdb.Value(self.pc).cast(pc.type))
        return info

    def filter(self, frames):
        return (frame for frame in frames if not self.is_innermost(frame.inferior_frame()))

    def is_innermost(self, frame):
        return place_of(frame) == self.innermost

    @contextlib.contextmanager
    def to(self, sp):
        self.innermost = place_of(gdb.newest_frame())
        self.sp = sp
        self.pc = find_parked()
        # gdb stops at main(), where the thread may be.
        with gdb.with_parameter('backtrace past-main', True):
            self.enabled = True
            gdb.invalidate_cached_frames()
            try:
                next(itertools.dropwhile(self.is_innermost, each_frame())).select()
                yield
            finally:
                self.enabled = False
                gdb.invalidate_cached_frames()


def place_of(frame):
    return int(frame.read_register('sp')), int(frame.read_register('pc'))


def find_parked():
    try:
        return int(gdb.parse_and_eval('(char *)&np__context_parked'))
    except gdb.error:
        raise gdb.GdbError('only fibers that run can be shown: this netpark switches with '
                           'ucontext(3), or its symbols were stripped')


def run_in(fiber, command):
    with selection_kept():
        if fiber.thread:
            fiber.thread.switch()
            execute(command)
        else:
            with BRIDGE.to(stack_pointer(fiber)):
                execute(command)


def execute(command):
    try:
        gdb.execute(command)
    except gdb.error as error:
        raise gdb.GdbError(error)  # the command's mistake, no failure of this script


def stack_pointer(fiber):
    """Of one that has stopped somewhere: if nothing else, where it goes on is stored there."""
    if not fiber.has_begun:
        raise gdb.GdbError('fiber %d has not begun' % fiber.place)
    sp = int(fiber.record['context']['sp'])
    stored = gdb.selected_inferior().read_memory(sp, STORED)
    if not any(bytes(stored)):
        raise gdb.GdbError('the core file does not have the stack of fiber %d' % fiber.place)
    return sp


def evaluate(expression):
    try:
        return int(gdb.parse_and_eval(expression))
    except gdb.error as error:
        raise gdb.GdbError(error)


# ---- commands ------------------------------------------------------------------------------------


class InfoFibers(gdb.Command):
    """List the fibers of netpark: number, id, worker, what each does, and what it is called.

That is the function it began with, and the name it gave to np_set_name()."""

    def __init__(self):
        super().__init__('info fibers', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        rows = [('Num', 'Id', 'Worker', 'State', 'Fiber')]
        for fiber in each_fiber():
            rows.append((str(fiber.place), str(fiber.id), fiber.worker(), fiber.doing(),
                         fiber.name()))
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths))
            gdb.write('  '.join(cells).rstrip() + '\n')


class FiberCommand(gdb.Command):
    """Run a command in a fiber of netpark: fiber NUMBER COMMAND, or fiber all COMMAND.

The number may be the id. The frames of a fiber that does not run begin with number 1. Thread and
frame that are selected now are so again afterwards."""

    def __init__(self):
        super().__init__('fiber', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(' ')
        if not command:
            raise gdb.GdbError('fiber NUMBER COMMAND, or fiber all COMMAND')
        if which == 'all':
            for fiber in list(each_fiber()):
                self.run_in_turn(fiber, command)
            return
        number = evaluate(which)
        fiber = next((f for f in each_fiber() if number in (f.place, f.id)), None)
        if not fiber:
            raise gdb.GdbError('no fiber %d: see info fibers' % number)
        run_in(fiber, command)

    def run_in_turn(self, fiber, command):
        gdb.write('\nFiber %d, %s (%s):\n' % (fiber.place, fiber.name(), fiber.doing()))
        try:
            run_in(fiber, command)
        except gdb.GdbError as error:
            gdb.write('%s\n' % error)


BRIDGE = Bridge()
gdb.unwinder.register_unwinder(None, BRIDGE, replace=True)
gdb.frame_filters[BRIDGE.name] = BRIDGE
InfoFibers()
FiberCommand()
