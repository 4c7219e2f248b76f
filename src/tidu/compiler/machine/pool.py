"""Threads that run generated code: a few workers, made on first use, which wait in native code.

`tidu_share(body, args, size, chunk)` calls ``body(args, start, stop)`` for pieces of ``[0, size)``
on the caller and on every idle worker. A worker spins for a moment after its last piece, then
sleeps. The caller never waits for a worker that has not begun, so a loaded machine costs nothing
but the help; a second caller at the same time runs its pieces alone. After a fork there are no
workers until the child asks for its own.
"""

import atexit
import ctypes
import os
import signal
import sys

from ...core.blocks import THREADS
from . import native

__all__ = ["SHARE", "address", "begin"]

SHARE = "tidu_share"
_SPINS = 3000  # pauses before a worker sleeps: about 50 to 100 µs

# The state: 0 generation (odd while a job is open), 1 active workers, 2 busy, 3 sleepers, 4 next
# index, 5 body, 6 args, 7 size, 8 chunk, 9 stop, 10 workers; each on a cache line of its own.
_TEXT = """
%line = type { i64, [7 x i64] }
@state = internal global [11 x %line] zeroinitializer, align 64
@mutex = internal global [128 x i8] zeroinitializer, align 64
@cond = internal global [128 x i8] zeroinitializer, align 64

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
{PAUSE_DECLARATION}

define internal void @pieces() {
entry:
  %body = load ptr, ptr {BODY}
  %args = load ptr, ptr {ARGS}
  %size = load i64, ptr {SIZE}
  %chunk = load i64, ptr {CHUNK}
  br label %turn
turn:
  %start = atomicrmw add ptr {NEXT}, i64 %chunk seq_cst
  %left = icmp slt i64 %start, %size
  br i1 %left, label %work, label %done
work:
  %end = add i64 %start, %chunk
  %over = icmp sgt i64 %end, %size
  %stop = select i1 %over, i64 %size, i64 %end
  call void %body(ptr %args, i64 %start, i64 %stop)
  br label %turn
done:
  ret void
}

define internal ptr @worker(ptr %unused) {
entry:
  br label %idle
idle:
  %seen = phi i64 [0, %entry], [%job, %leave], [%job, %late]
  br label %spin
spin:
  %n = phi i64 [0, %idle], [%m, %again]
  %g = load atomic i64, ptr {GENERATION} seq_cst, align 64
  %quit = load atomic i64, ptr {STOP} seq_cst, align 64
  %quits = icmp ne i64 %quit, 0
  br i1 %quits, label %end, label %look
look:
  %bit = and i64 %g, 1
  %open = icmp eq i64 %bit, 1
  %new = icmp ne i64 %g, %seen
  %ready = and i1 %open, %new
  br i1 %ready, label %enter, label %wait
wait:
  %m = add i64 %n, 1
  %tired = icmp sgt i64 %m, {SPINS}
  br i1 %tired, label %sleep, label %pause
pause:
  {PAUSE}
  %every = and i64 %m, 255
  %yields = icmp eq i64 %every, 0
  br i1 %yields, label %yield, label %again
yield:
  call i32 @sched_yield()
  br label %again
again:
  br label %spin
sleep:
  call i32 @pthread_mutex_lock(ptr @mutex)
  atomicrmw add ptr {SLEEPERS}, i64 1 seq_cst
  br label %asleep
asleep:
  %h = load atomic i64, ptr {GENERATION} seq_cst, align 64
  %hquit = load atomic i64, ptr {STOP} seq_cst, align 64
  %hbit = and i64 %h, 1
  %hopen = icmp eq i64 %hbit, 1
  %hnew = icmp ne i64 %h, %seen
  %hready = and i1 %hopen, %hnew
  %hquits = icmp ne i64 %hquit, 0
  %wakes = or i1 %hready, %hquits
  br i1 %wakes, label %awake, label %doze
doze:
  call i32 @pthread_cond_wait(ptr @cond, ptr @mutex)
  br label %asleep
awake:
  atomicrmw sub ptr {SLEEPERS}, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %respin
respin:
  %g2 = load atomic i64, ptr {GENERATION} seq_cst, align 64
  br label %enter
enter:
  %job = phi i64 [%g, %look], [%g2, %respin]
  atomicrmw add ptr {ACTIVE}, i64 1 seq_cst
  %now = load atomic i64, ptr {GENERATION} seq_cst, align 64
  %nowbit = and i64 %now, 1
  %nowopen = icmp eq i64 %nowbit, 1
  %stays = icmp eq i64 %now, %job
  %valid = and i1 %nowopen, %stays
  br i1 %valid, label %run, label %late
run:
  call void @pieces()
  br label %leave
leave:
  atomicrmw sub ptr {ACTIVE}, i64 1 seq_cst
  br label %idle
late:
  atomicrmw sub ptr {ACTIVE}, i64 1 seq_cst
  br label %idle
end:
  ret ptr null
}

define void @tidu_share(ptr %body, ptr %args, i64 %size, i64 %chunk) {
entry:
  %workers = load i64, ptr {WORKERS}
  %none = icmp eq i64 %workers, 0
  %small = icmp sle i64 %size, %chunk
  %serial = or i1 %none, %small
  br i1 %serial, label %alone, label %try
try:
  %got = cmpxchg ptr {BUSY}, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %got, 1
  br i1 %mine, label %publish, label %alone
alone:
  call void %body(ptr %args, i64 0, i64 %size)
  ret void
publish:
  store ptr %body, ptr {BODY}
  store ptr %args, ptr {ARGS}
  store i64 %size, ptr {SIZE}
  store i64 %chunk, ptr {CHUNK}
  store i64 0, ptr {NEXT}
  atomicrmw add ptr {GENERATION}, i64 1 seq_cst
  %asleep = load atomic i64, ptr {SLEEPERS} seq_cst, align 64
  %some = icmp sgt i64 %asleep, 0
  br i1 %some, label %wake, label %work
wake:
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_cond_broadcast(ptr @cond)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %work
work:
  call void @pieces()
  atomicrmw add ptr {GENERATION}, i64 1 seq_cst
  br label %join
join:
  %n = phi i64 [0, %work], [%m, %joining], [%m, %giving]
  %active = load atomic i64, ptr {ACTIVE} seq_cst, align 64
  %left = icmp sgt i64 %active, 0
  br i1 %left, label %waiting, label %free
waiting:
  %m = add i64 %n, 1
  {PAUSE}
  %every = and i64 %m, 1023
  %yields = icmp eq i64 %every, 0
  br i1 %yields, label %giving, label %joining
giving:
  call i32 @sched_yield()
  br label %join
joining:
  br label %join
free:
  store atomic i64 0, ptr {BUSY} seq_cst, align 64
  ret void
}

define i64 @tidu_start(i64 %count) {
entry:
  %thread = alloca i64
  store [11 x %line] zeroinitializer, ptr @state
  call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  call i32 @pthread_cond_init(ptr @cond, ptr null)
  br label %next
next:
  %i = phi i64 [0, %entry], [%j, %made]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %make, label %done
make:
  %status = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr null)
  %failed = icmp ne i32 %status, 0
  br i1 %failed, label %done, label %made
made:
  %id = load ptr, ptr %thread
  call i32 @pthread_detach(ptr %id)
  %j = add i64 %i, 1
  br label %next
done:
  store i64 %i, ptr {WORKERS}
  ret i64 %i
}

define void @tidu_stop() {
entry:
  store i64 0, ptr {WORKERS}
  store atomic i64 1, ptr {STOP} seq_cst, align 64
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_cond_broadcast(ptr @cond)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  ret void
}

define void @tidu_limit(i64 %count) {
entry:
  store i64 %count, ptr {WORKERS}
  ret void
}

define void @tidu_forget() {
entry:
  store i64 0, ptr {WORKERS}
  store atomic i64 0, ptr {BUSY} seq_cst, align 64
  ret void
}
"""

_ALONE = """
define void @tidu_share(ptr %body, ptr %args, i64 %size, i64 %chunk) {
entry:
  call void %body(ptr %args, i64 0, i64 %size)
  ret void
}
"""

_FIELDS = ("GENERATION", "ACTIVE", "BUSY", "SLEEPERS", "NEXT", "BODY", "ARGS", "SIZE", "CHUNK",
           "STOP", "WORKERS")  # fmt: skip


def _pause(triple):
    """(declaration, call) of the instruction that tells the core it is waiting."""
    if triple.startswith(("x86_64", "i686")):
        return "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    if triple.startswith(("aarch64", "arm64")):
        return "declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"
    return "", ""


def _source():
    text = _TEXT
    for i, name in enumerate(_FIELDS):
        place = f"getelementptr inbounds ([11 x %line], ptr @state, i64 0, i64 {i})"
        text = text.replace("{" + name + "}", place)
    declaration, call = _pause(native.HOST.triple)
    text = text.replace("{PAUSE_DECLARATION}", declaration).replace("{PAUSE}", call)
    return text.replace("{SPINS}", str(_SPINS))


class _Pool:
    __slots__ = ("count", "forget", "limit", "share", "start", "started", "stop")

    def __init__(self):
        self.share = self.started = None
        self.count = 0  # workers that were started

    def load(self):
        if sys.platform == "win32":  # no pthreads: the caller does all pieces
            (self.share,) = native.load(_ALONE, [SHARE])
            self.started = True
            return
        names = [SHARE, "tidu_start", "tidu_stop", "tidu_forget", "tidu_limit"]
        self.share, start, stop, forget, limit = native.load(_source(), names, plain=True)
        self.start = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(start)
        self.stop = ctypes.CFUNCTYPE(None)(stop)
        self.forget = ctypes.CFUNCTYPE(None)(forget)
        self.limit = ctypes.CFUNCTYPE(None, ctypes.c_int64)(limit)
        THREADS.told.append(self.limited)
        os.register_at_fork(after_in_child=self.forked)
        atexit.register(self.end)

    def end(self):
        """The workers go. A forked process has none, and may find their lock taken."""
        if self.started:
            self.stop()

    def forked(self):
        self.forget()
        self.started = False

    def limited(self, count):
        """For one thread the workers are left asleep; for more they serve again."""
        if self.started and self.count:
            self.limit(self.count if count > 1 else 0)
        elif count > 1:
            self.started = False  # none was started, or the process was forked since

    def ready(self):
        if self.share is None:
            self.load()
        if not self.started:
            # Signals belong to the interpreter's thread; the workers inherit the mask.
            everything = signal.valid_signals()
            before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
            try:
                self.count = self.start(THREADS.count - 1)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self.started = True


_POOL = _Pool()


def begin():
    """Have the code compiled, see `native.begin`."""
    if _POOL.share is None and sys.platform != "win32":
        native.begin(_source(), plain=True)


def address():
    """The address of `tidu_share`, with its workers started."""
    _POOL.ready()
    return _POOL.share


def ensure():
    """Start the workers of a process that was forked."""
    if not _POOL.started:
        _POOL.ready()
