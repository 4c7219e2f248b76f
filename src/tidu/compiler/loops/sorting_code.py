"""The algorithms of `sorting.py` on one row as LLVM text. Read `CALLS` at the end first."""

__all__ = ["CALLS", "FUNCTIONS"]

# %k are the keys of one row, %o the places they came from.
_EXCHANGE = """
define internal void @exchange(ptr %k, ptr %o, i64 %a, i64 %b) alwaysinline {
  %ka = getelementptr i64, ptr %k, i64 %a
  %kb = getelementptr i64, ptr %k, i64 %b
  %oa = getelementptr i64, ptr %o, i64 %a
  %ob = getelementptr i64, ptr %o, i64 %b
  %x = load i64, ptr %ka
  %y = load i64, ptr %kb
  %p = load i64, ptr %oa
  %q = load i64, ptr %ob
  store i64 %y, ptr %ka
  store i64 %x, ptr %kb
  store i64 %q, ptr %oa
  store i64 %p, ptr %ob
  ret void
}
define internal i64 @key(ptr %k, i64 %a) alwaysinline {
  %ka = getelementptr i64, ptr %k, i64 %a
  %x = load i64, ptr %ka
  ret i64 %x
}
define internal void @set(ptr %k, ptr %o, i64 %a, i64 %x, i64 %p) alwaysinline {
  %ka = getelementptr i64, ptr %k, i64 %a
  %oa = getelementptr i64, ptr %o, i64 %a
  store i64 %x, ptr %ka
  store i64 %p, ptr %oa
  ret void
}
define internal void @move(ptr %k, ptr %o, i64 %to, i64 %from) alwaysinline {
  %x = call i64 @key(ptr %k, i64 %from)
  %p = call i64 @key(ptr %o, i64 %from)
  call void @set(ptr %k, ptr %o, i64 %to, i64 %x, i64 %p)
  ret void
}
"""

# std::__unguarded_partition_pivot: the median of three to the front, then what is below it to the
# left, what is above it to the right; the place where they meet.
_PARTITION = """
define internal i64 @partition(ptr %k, ptr %o, i64 %first, i64 %last) {
entry:
  %a = add i64 %first, 1
  %length = sub i64 %last, %first
  %half = lshr i64 %length, 1
  %b = add i64 %first, %half
  %c = sub i64 %last, 1
  %x = call i64 @key(ptr %k, i64 %a)
  %y = call i64 @key(ptr %k, i64 %b)
  %z = call i64 @key(ptr %k, i64 %c)
  %xy = icmp slt i64 %x, %y
  %yz = icmp slt i64 %y, %z
  %xz = icmp slt i64 %x, %z
  %r1 = select i1 %xz, i64 %c, i64 %a
  %r2 = select i1 %yz, i64 %b, i64 %r1
  %f1 = select i1 %yz, i64 %c, i64 %b
  %f2 = select i1 %xz, i64 %a, i64 %f1
  %median = select i1 %xy, i64 %r2, i64 %f2
  call void @exchange(ptr %k, ptr %o, i64 %first, i64 %median)
  %pivot = call i64 @key(ptr %k, i64 %first)
  br label %again
again:
  %i0 = phi i64 [%a, %entry], [%i2, %swap]
  %j0 = phi i64 [%last, %entry], [%j, %swap]
  br label %up
up:
  %i = phi i64 [%i0, %again], [%i1, %up]
  %ki = call i64 @key(ptr %k, i64 %i)
  %less = icmp slt i64 %ki, %pivot
  %i1 = add i64 %i, 1
  br i1 %less, label %up, label %middle
middle:
  br label %down
down:
  %j1 = phi i64 [%j0, %middle], [%j, %down]
  %j = sub i64 %j1, 1
  %kj = call i64 @key(ptr %k, i64 %j)
  %more = icmp slt i64 %pivot, %kj
  br i1 %more, label %down, label %met
met:
  %apart = icmp slt i64 %i, %j
  br i1 %apart, label %swap, label %done
swap:
  call void @exchange(ptr %k, ptr %o, i64 %i, i64 %j)
  %i2 = add i64 %i, 1
  br label %again
done:
  ret i64 %i
}
"""

# std::__adjust_heap: the larger children move up to the leaf, then the element climbs.
_SIFT = """
define internal void @sift(ptr %k, ptr %o, i64 %top, i64 %size, i64 %x, i64 %p) {
entry:
  %s1 = sub i64 %size, 1
  %inner = sdiv i64 %s1, 2
  br label %head
head:
  %hole = phi i64 [%top, %entry], [%child, %deeper]
  %more = icmp slt i64 %hole, %inner
  br i1 %more, label %deeper, label %leaf
deeper:
  %double = shl i64 %hole, 1
  %right = add i64 %double, 2
  %left = add i64 %double, 1
  %kr = call i64 @key(ptr %k, i64 %right)
  %kl = call i64 @key(ptr %k, i64 %left)
  %smaller = icmp slt i64 %kr, %kl
  %child = select i1 %smaller, i64 %left, i64 %right
  call void @move(ptr %k, ptr %o, i64 %hole, i64 %child)
  br label %head
leaf:
  %odd = and i64 %size, 1
  %even = icmp eq i64 %odd, 0
  %s2 = sub i64 %size, 2
  %lonely = sdiv i64 %s2, 2
  %last = icmp eq i64 %hole, %lonely
  %single = and i1 %even, %last
  br i1 %single, label %one, label %rise
one:
  %d1 = shl i64 %hole, 1
  %only = add i64 %d1, 1
  call void @move(ptr %k, ptr %o, i64 %hole, i64 %only)
  br label %rise
rise:
  %start = phi i64 [%hole, %leaf], [%only, %one]
  br label %climb
climb:
  %at = phi i64 [%start, %rise], [%parent, %step]
  %below = icmp sgt i64 %at, %top
  br i1 %below, label %look, label %end
look:
  %am = sub i64 %at, 1
  %parent = lshr i64 %am, 1
  %kp = call i64 @key(ptr %k, i64 %parent)
  %less = icmp slt i64 %kp, %x
  br i1 %less, label %step, label %end
step:
  call void @move(ptr %k, ptr %o, i64 %at, i64 %parent)
  br label %climb
end:
  call void @set(ptr %k, ptr %o, i64 %at, i64 %x, i64 %p)
  ret void
}
"""

# std::__heap_select and std::__sort_heap of [first, middle) and [first, last).
_HEAPS = """
define internal void @heap_select(ptr %keys, ptr %places, i64 %first, i64 %middle, i64 %last) {
entry:
  %k = getelementptr i64, ptr %keys, i64 %first
  %o = getelementptr i64, ptr %places, i64 %first
  %size = sub i64 %middle, %first
  %stop = sub i64 %last, %first
  %s2 = sub i64 %size, 2
  %h = sdiv i64 %s2, 2
  %some = icmp sgt i64 %size, 1
  br i1 %some, label %make, label %made
make:
  %parent = phi i64 [%h, %entry], [%next, %make]
  %x = call i64 @key(ptr %k, i64 %parent)
  %p = call i64 @key(ptr %o, i64 %parent)
  call void @sift(ptr %k, ptr %o, i64 %parent, i64 %size, i64 %x, i64 %p)
  %next = sub i64 %parent, 1
  %more = icmp sge i64 %next, 0
  br i1 %more, label %make, label %made
made:
  br label %head
head:
  %i = phi i64 [%size, %made], [%i1, %tail]
  %in = icmp slt i64 %i, %stop
  br i1 %in, label %look, label %done
look:
  %y = call i64 @key(ptr %k, i64 %i)
  %root = call i64 @key(ptr %k, i64 0)
  %less = icmp slt i64 %y, %root
  br i1 %less, label %replace, label %tail
replace:
  %q = call i64 @key(ptr %o, i64 %i)
  call void @move(ptr %k, ptr %o, i64 %i, i64 0)
  call void @sift(ptr %k, ptr %o, i64 0, i64 %size, i64 %y, i64 %q)
  br label %tail
tail:
  %i1 = add i64 %i, 1
  br label %head
done:
  ret void
}
define internal void @heap_sort(ptr %keys, ptr %places, i64 %first, i64 %middle, i64 %last) {
entry:
  call void @heap_select(ptr %keys, ptr %places, i64 %first, i64 %middle, i64 %last)
  %k = getelementptr i64, ptr %keys, i64 %first
  %o = getelementptr i64, ptr %places, i64 %first
  %size = sub i64 %middle, %first
  br label %head
head:
  %before = phi i64 [%size, %entry], [%end, %take]
  %end = sub i64 %before, 1
  %more = icmp sgt i64 %end, 0
  br i1 %more, label %take, label %done
take:
  %x = call i64 @key(ptr %k, i64 %end)
  %p = call i64 @key(ptr %o, i64 %end)
  call void @move(ptr %k, ptr %o, i64 %end, i64 0)
  call void @sift(ptr %k, ptr %o, i64 0, i64 %end, i64 %x, i64 %p)
  br label %head
done:
  ret void
}
"""

_INSERTION = """
define internal void @insertion_sort(ptr %k, ptr %o, i64 %first, i64 %last) {
entry:
  br label %head
head:
  %before = phi i64 [%first, %entry], [%i, %put]
  %i = add i64 %before, 1
  %more = icmp slt i64 %i, %last
  br i1 %more, label %take, label %done
take:
  %x = call i64 @key(ptr %k, i64 %i)
  %p = call i64 @key(ptr %o, i64 %i)
  br label %look
look:
  %at = phi i64 [%i, %take], [%left, %shift]
  %inside = icmp sgt i64 %at, %first
  br i1 %inside, label %compare, label %put
compare:
  %left = sub i64 %at, 1
  %y = call i64 @key(ptr %k, i64 %left)
  %less = icmp slt i64 %x, %y
  br i1 %less, label %shift, label %put
shift:
  call void @move(ptr %k, ptr %o, i64 %at, i64 %left)
  br label %look
put:
  call void @set(ptr %k, ptr %o, i64 %at, i64 %x, i64 %p)
  br label %head
done:
  ret void
}
define internal i64 @depth_of(i64 %size) {
  %zeros = call i64 @llvm.ctlz.i64(i64 %size, i1 false)
  %log = sub i64 63, %zeros
  %twice = shl i64 %log, 1
  %none = icmp slt i64 %size, 2
  %depth = select i1 %none, i64 0, i64 %twice
  ret i64 %depth
}
"""

# std::sort of [first, last): parts that are left for later lie on a stack, at most one for each
# step of the depth.
_SORT = """
define internal void @sort(ptr %k, ptr %o, i64 %first, i64 %last) {
entry:
  %stack = alloca [512 x i64], align 16
  %size = sub i64 %last, %first
  %most = call i64 @depth_of(i64 %size)
  br label %part
part:
  %f = phi i64 [%first, %entry], [%f, %split], [%pf, %pop]
  %l = phi i64 [%last, %entry], [%cut, %split], [%pl, %pop]
  %d = phi i64 [%most, %entry], [%d1, %split], [%pd, %pop]
  %height = phi i64 [0, %entry], [%h3, %split], [%h0, %pop]
  %n = sub i64 %l, %f
  %long = icmp sgt i64 %n, 16
  br i1 %long, label %deep, label %next
deep:
  %exhausted = icmp eq i64 %d, 0
  br i1 %exhausted, label %heap, label %split
heap:
  call void @heap_sort(ptr %k, ptr %o, i64 %f, i64 %l, i64 %l)
  br label %next
split:
  %d1 = sub i64 %d, 1
  %cut = call i64 @partition(ptr %k, ptr %o, i64 %f, i64 %l)
  %s0 = getelementptr i64, ptr %stack, i64 %height
  %h1 = add i64 %height, 1
  %s1 = getelementptr i64, ptr %stack, i64 %h1
  %h2 = add i64 %height, 2
  %s2 = getelementptr i64, ptr %stack, i64 %h2
  %h3 = add i64 %height, 3
  store i64 %cut, ptr %s0
  store i64 %l, ptr %s1
  store i64 %d1, ptr %s2
  br label %part
next:
  %empty = icmp eq i64 %height, 0
  br i1 %empty, label %finish, label %pop
pop:
  %h0 = sub i64 %height, 3
  %p0 = getelementptr i64, ptr %stack, i64 %h0
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %pf = load i64, ptr %p0
  %pl = load i64, ptr %p1
  %pd = load i64, ptr %p2
  br label %part
finish:
  call void @insertion_sort(ptr %k, ptr %o, i64 %first, i64 %last)
  ret void
}
"""

# std::nth_element of [0, size).
_SELECT = """
define internal void @select_nth(ptr %k, ptr %o, i64 %nth, i64 %size) {
entry:
  %most = call i64 @depth_of(i64 %size)
  br label %part
part:
  %f = phi i64 [0, %entry], [%f1, %split]
  %l = phi i64 [%size, %entry], [%l1, %split]
  %d = phi i64 [%most, %entry], [%d1, %split]
  %n = sub i64 %l, %f
  %long = icmp sgt i64 %n, 3
  br i1 %long, label %deep, label %finish
deep:
  %exhausted = icmp eq i64 %d, 0
  br i1 %exhausted, label %heap, label %split
heap:
  %after = add i64 %nth, 1
  call void @heap_select(ptr %k, ptr %o, i64 %f, i64 %after, i64 %l)
  call void @exchange(ptr %k, ptr %o, i64 %f, i64 %nth)
  ret void
split:
  %d1 = sub i64 %d, 1
  %cut = call i64 @partition(ptr %k, ptr %o, i64 %f, i64 %l)
  %right = icmp sle i64 %cut, %nth
  %f1 = select i1 %right, i64 %cut, i64 %f
  %l1 = select i1 %right, i64 %l, i64 %cut
  br label %part
finish:
  call void @insertion_sort(ptr %k, ptr %o, i64 %f, i64 %l)
  ret void
}
"""

# PyTorch's quickselect of [0, size).
_QUICK = """
define internal void @sorted_pair(ptr %k, ptr %o, i64 %a, i64 %b) {
  %x = call i64 @key(ptr %k, i64 %a)
  %y = call i64 @key(ptr %k, i64 %b)
  %more = icmp sgt i64 %x, %y
  br i1 %more, label %swap, label %done
swap:
  call void @exchange(ptr %k, ptr %o, i64 %a, i64 %b)
  br label %done
done:
  ret void
}
define internal void @quickselect(ptr %k, ptr %o, i64 %rank, i64 %size) {
entry:
  %end = sub i64 %size, 1
  br label %part
part:
  %low = phi i64 [0, %entry], [%low2, %cut]
  %high = phi i64 [%end, %entry], [%high2, %cut]
  %n = sub i64 %high, %low
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %more, label %done
more:
  %pair = icmp eq i64 %n, 1
  br i1 %pair, label %last, label %median
last:
  call void @sorted_pair(ptr %k, ptr %o, i64 %low, i64 %high)
  br label %done
median:
  %half = lshr i64 %n, 1
  %middle = add i64 %low, %half
  %second = add i64 %low, 1
  call void @exchange(ptr %k, ptr %o, i64 %middle, i64 %second)
  call void @sorted_pair(ptr %k, ptr %o, i64 %second, i64 %high)
  call void @sorted_pair(ptr %k, ptr %o, i64 %low, i64 %high)
  call void @sorted_pair(ptr %k, ptr %o, i64 %second, i64 %low)
  %pivot = call i64 @key(ptr %k, i64 %low)
  br label %again
again:
  %i0 = phi i64 [%second, %median], [%i, %swap]
  %j0 = phi i64 [%high, %median], [%j, %swap]
  br label %up
up:
  %ib = phi i64 [%i0, %again], [%i, %up]
  %i = add i64 %ib, 1
  %ki = call i64 @key(ptr %k, i64 %i)
  %less = icmp sgt i64 %pivot, %ki
  br i1 %less, label %up, label %turn
turn:
  br label %down
down:
  %jb = phi i64 [%j0, %turn], [%j, %down]
  %j = sub i64 %jb, 1
  %kj = call i64 @key(ptr %k, i64 %j)
  %above = icmp sgt i64 %kj, %pivot
  br i1 %above, label %down, label %met
met:
  %crossed = icmp slt i64 %j, %i
  br i1 %crossed, label %cut, label %swap
swap:
  call void @exchange(ptr %k, ptr %o, i64 %i, i64 %j)
  br label %again
cut:
  call void @exchange(ptr %k, ptr %o, i64 %low, i64 %j)
  %left = icmp sle i64 %j, %rank
  %low2 = select i1 %left, i64 %i, i64 %low
  %right = icmp sge i64 %j, %rank
  %jm = sub i64 %j, 1
  %high2 = select i1 %right, i64 %jm, i64 %high
  br label %part
done:
  ret void
}
"""

# A stable sort by the digits of eight bits, the lowest first, between the row and room beside it;
# a digit that all keys share is passed over.
_DIGITS = (
    """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define internal void @counted(ptr %table, i64 %slot) alwaysinline {
  %at = getelementptr i64, ptr %table, i64 %slot
  %n = load i64, ptr %at
  %n1 = add i64 %n, 1
  store i64 %n1, ptr %at
  ret void
}
define internal void @digits(ptr %k, ptr %o, ptr %k2, ptr %o2, i64 %size) {
entry:
  %table = alloca [2048 x i64], align 64
  call void @llvm.memset.p0.i64(ptr %table, i8 0, i64 16384, i1 false)
  br label %count
count:
  %i = phi i64 [0, %entry], [%i1, %count]
  %signed = call i64 @key(ptr %k, i64 %i)
  %x = xor i64 %signed, -9223372036854775808
"""
    + "".join(
        [
            f"""
  %s{d} = lshr i64 %x, {8 * d}
  %b{d} = and i64 %s{d}, 255
  %c{d} = add i64 %b{d}, {256 * d}
  call void @counted(ptr %table, i64 %c{d})"""
            for d in range(8)
        ]
    )
    + """
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %size
  br i1 %more, label %count, label %digit
digit:
  %d = phi i64 [0, %count], [%dn, %next]
  %ak = phi ptr [%k, %count], [%nk, %next]
  %ao = phi ptr [%o, %count], [%no, %next]
  %bk = phi ptr [%k2, %count], [%mk, %next]
  %bo = phi ptr [%o2, %count], [%mo, %next]
  %shift = shl i64 %d, 3
  %base = shl i64 %d, 8
  %counts = getelementptr i64, ptr %table, i64 %base
  %f0 = call i64 @key(ptr %ak, i64 0)
  %f1 = xor i64 %f0, -9223372036854775808
  %f2 = lshr i64 %f1, %shift
  %f3 = and i64 %f2, 255
  %shared = call i64 @key(ptr %counts, i64 %f3)
  %same = icmp eq i64 %shared, %size
  br i1 %same, label %next, label %starts
starts:
  %j = phi i64 [0, %digit], [%j1, %starts]
  %sum = phi i64 [0, %digit], [%sum1, %starts]
  %at = getelementptr i64, ptr %counts, i64 %j
  %n = load i64, ptr %at
  store i64 %sum, ptr %at
  %sum1 = add i64 %sum, %n
  %j1 = add i64 %j, 1
  %left = icmp slt i64 %j1, 256
  br i1 %left, label %starts, label %move
move:
  %m = phi i64 [0, %starts], [%m1, %move]
  %y = call i64 @key(ptr %ak, i64 %m)
  %p = call i64 @key(ptr %ao, i64 %m)
  %y1 = xor i64 %y, -9223372036854775808
  %y2 = lshr i64 %y1, %shift
  %y3 = and i64 %y2, 255
  %to = call i64 @key(ptr %counts, i64 %y3)
  call void @counted(ptr %counts, i64 %y3)
  call void @set(ptr %bk, ptr %bo, i64 %to, i64 %y, i64 %p)
  %m1 = add i64 %m, 1
  %rest = icmp slt i64 %m1, %size
  br i1 %rest, label %move, label %next
next:
  %nk = phi ptr [%ak, %digit], [%bk, %move]
  %no = phi ptr [%ao, %digit], [%bo, %move]
  %mk = phi ptr [%bk, %digit], [%ak, %move]
  %mo = phi ptr [%bo, %digit], [%ao, %move]
  %dn = add i64 %d, 1
  %again = icmp slt i64 %dn, 8
  br i1 %again, label %digit, label %end
end:
  %there = icmp eq ptr %no, %o
  br i1 %there, label %done, label %back
back:
  %bytes = shl i64 %size, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %o, ptr %o2, i64 %bytes, i1 false)
  br label %done
done:
  ret void
}
"""
)

CALLS = {
    "stable": "call void @digits(ptr %k, ptr %o, ptr %k2, ptr %o2, i64 %size)",
    "sort": "call void @sort(ptr %k, ptr %o, i64 0, i64 %size)",
    "partial sort": "call void @heap_sort(ptr %k, ptr %o, i64 0, i64 %number, i64 %size)",
    "select": "call void @select_nth(ptr %k, ptr %o, i64 %number, i64 %size)",
    "select and sort": """call void @select_nth(ptr %k, ptr %o, i64 %number, i64 %size)
  call void @sort(ptr %k, ptr %o, i64 0, i64 %number)""",
    "quickselect": "call void @quickselect(ptr %k, ptr %o, i64 %number, i64 %size)",
}
FUNCTIONS = (
    "declare i64 @llvm.ctlz.i64(i64, i1)",
    _EXCHANGE, _PARTITION, _SIFT, _HEAPS, _INSERTION, _SORT, _SELECT, _QUICK, _DIGITS,
)  # fmt: skip
