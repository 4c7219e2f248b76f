"""std::sort and its kin on one row as LLVM text; `rows_code.py` says who calls them."""

__all__ = ["ALGORITHMS"]

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

# What a partition does while its two pointers are far apart, without a branch that depends on the
# keys: where the left one has to stop in the next 64 elements, and where the right one, is noted
# first, then the k-th stop of the left changes places with the k-th of the right, as if the
# pointers had met them one after the other. Gives the pointers as they stand then; what lies left
# of the first and from the second on is done.
_BLOCKS = """
define internal {i64, i64} @blocks(ptr %k, ptr %o, i64 %first, i64 %last, i64 %pivot) {
entry:
  %left = alloca [64 x i64], align 64
  %right = alloca [64 x i64], align 64
  br label %head
head:
  %i = phi i64 [%first, %entry], [%i2, %swapped]
  %j = phi i64 [%last, %entry], [%j2, %swapped]
  %sl = phi i64 [0, %entry], [%sl3, %swapped]
  %nl = phi i64 [0, %entry], [%nl2, %swapped]
  %sr = phi i64 [0, %entry], [%sr3, %swapped]
  %nr = phi i64 [0, %entry], [%nr2, %swapped]
  %apart = sub i64 %j, %i
  %far = icmp sge i64 %apart, 128
  br i1 %far, label %look, label %near
look:
  %no_left = icmp eq i64 %sl, %nl
  br i1 %no_left, label %fill_left, label %looked
fill_left:
  %t = phi i64 [0, %look], [%t1, %fill_left]
  %n = phi i64 [0, %look], [%n1, %fill_left]
  %at = add i64 %i, %t
  %x = call i64 @key(ptr %k, i64 %at)
  %to = getelementptr i64, ptr %left, i64 %n
  store i64 %at, ptr %to
  %stop = icmp sge i64 %x, %pivot
  %one = zext i1 %stop to i64
  %n1 = add i64 %n, %one
  %t1 = add i64 %t, 1
  %more = icmp ult i64 %t1, 64
  br i1 %more, label %fill_left, label %filled
filled:
  %i1 = add i64 %i, 64
  br label %looked
looked:
  %i2 = phi i64 [%i, %look], [%i1, %filled]
  %sl2 = phi i64 [%sl, %look], [0, %filled]
  %nl2 = phi i64 [%nl, %look], [%n1, %filled]
  %no_right = icmp eq i64 %sr, %nr
  br i1 %no_right, label %fill_right, label %swaps
fill_right:
  %u = phi i64 [0, %looked], [%u1, %fill_right]
  %m = phi i64 [0, %looked], [%m1, %fill_right]
  %u1 = add i64 %u, 1
  %bt = sub i64 %j, %u1
  %y = call i64 @key(ptr %k, i64 %bt)
  %too = getelementptr i64, ptr %right, i64 %m
  store i64 %bt, ptr %too
  %stops = icmp sle i64 %y, %pivot
  %two = zext i1 %stops to i64
  %m1 = add i64 %m, %two
  %mores = icmp ult i64 %u1, 64
  br i1 %mores, label %fill_right, label %full
full:
  %j1 = sub i64 %j, 64
  br label %swaps
swaps:
  %j2 = phi i64 [%j, %looked], [%j1, %full]
  %sr2 = phi i64 [%sr, %looked], [0, %full]
  %nr2 = phi i64 [%nr, %looked], [%m1, %full]
  %dl = sub i64 %nl2, %sl2
  %dr = sub i64 %nr2, %sr2
  %pairs = call i64 @llvm.smin.i64(i64 %dl, i64 %dr)
  %sl3 = add i64 %sl2, %pairs
  %sr3 = add i64 %sr2, %pairs
  %some = icmp sgt i64 %pairs, 0
  br i1 %some, label %swap, label %swapped
swap:
  %s = phi i64 [0, %swaps], [%s1, %swap]
  %p = add i64 %sl2, %s
  %q = add i64 %sr2, %s
  %a = call i64 @key(ptr %left, i64 %p)
  %b = call i64 @key(ptr %right, i64 %q)
  call void @exchange(ptr %k, ptr %o, i64 %a, i64 %b)
  %s1 = add i64 %s, 1
  %again = icmp slt i64 %s1, %pairs
  br i1 %again, label %swap, label %swapped
swapped:
  br label %head
near:
  %lefts = icmp slt i64 %sl, %nl
  %rights = icmp slt i64 %sr, %nr
  %fl = call i64 @key(ptr %left, i64 %sl)
  %fr = call i64 @key(ptr %right, i64 %sr)
  %fr1 = add i64 %fr, 1
  %ei = select i1 %lefts, i64 %fl, i64 %i
  %ej = select i1 %rights, i64 %fr1, i64 %j
  %r0 = insertvalue {i64, i64} poison, i64 %ei, 0
  %r1 = insertvalue {i64, i64} %r0, i64 %ej, 1
  ret {i64, i64} %r1
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
  %far = call {i64, i64} @blocks(ptr %k, ptr %o, i64 %a, i64 %last, i64 %pivot)
  %fi = extractvalue {i64, i64} %far, 0
  %fj = extractvalue {i64, i64} %far, 1
  br label %again
again:
  %i0 = phi i64 [%fi, %entry], [%i2, %swap]
  %j0 = phi i64 [%fj, %entry], [%j, %swap]
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
  %third = add i64 %low, 2
  %far = call {i64, i64} @blocks(ptr %k, ptr %o, i64 %third, i64 %high, i64 %pivot)
  %fi = extractvalue {i64, i64} %far, 0
  %fj = extractvalue {i64, i64} %far, 1
  %before = sub i64 %fi, 1
  br label %again
again:
  %i0 = phi i64 [%before, %median], [%i, %swap]
  %j0 = phi i64 [%fj, %median], [%j, %swap]
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

ALGORITHMS = (
    "declare i64 @llvm.ctlz.i64(i64, i1)", "declare i64 @llvm.smin.i64(i64, i64)",
    "declare i64 @llvm.smax.i64(i64, i64)",
    _EXCHANGE, _BLOCKS, _PARTITION, _SIFT, _HEAPS, _INSERTION, _SORT, _SELECT, _QUICK,
)  # fmt: skip
