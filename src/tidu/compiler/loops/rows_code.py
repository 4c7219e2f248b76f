"""What `sorting.py` does with one row, as LLVM text: `CALLS` has the calls, which sort the keys %k
and with them the places %o that they came from; %k2 and %o2 are room beside them."""

from .sorting_code import ALGORITHMS

__all__ = ["CALLS", "FUNCTIONS", "ROOMY", "SPREAD", "TAKEN"]

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

# The place of the most frequent key, the least among equally frequent ones, where it comes last in
# the order; -1 where %number is set and the greatest key is that of NaN.
_MODE = """
define internal void @mode(ptr %k, ptr %o, i64 %number, i64 %size) {
entry:
  call void @sort(ptr %k, ptr %o, i64 0, i64 %size)
  br label %head
head:
  %i = phi i64 [1, %entry], [%i1, %next]
  %start = phi i64 [0, %entry], [%start1, %next]
  %most = phi i64 [1, %entry], [%most1, %next]
  %last = phi i64 [0, %entry], [%last1, %next]
  %in = icmp slt i64 %i, %size
  br i1 %in, label %next, label %end
next:
  %h = sub i64 %i, 1
  %x = call i64 @key(ptr %k, i64 %h)
  %y = call i64 @key(ptr %k, i64 %i)
  %same = icmp eq i64 %x, %y
  %start1 = select i1 %same, i64 %start, i64 %i
  %i1 = add i64 %i, 1
  %n = sub i64 %i1, %start1
  %longer = icmp sgt i64 %n, %most
  %most1 = select i1 %longer, i64 %n, i64 %most
  %last1 = select i1 %longer, i64 %i, i64 %last
  br label %head
end:
  %place = call i64 @key(ptr %o, i64 %last)
  %z = sub i64 %size, 1
  %greatest = call i64 @key(ptr %k, i64 %z)
  %highest = icmp eq i64 %greatest, 9223372036854775807
  %floating = icmp ne i64 %number, 0
  %hole = and i1 %highest, %floating
  %found = select i1 %hole, i64 -1, i64 %place
  store i64 %found, ptr %o
  ret void
}
"""

# The place of the key of rank %number in the stable order: of the keys equal to it, the one with as
# many before it as there are ranks between. It is looked for among the keys between two of a sample
# whose ranks are a little lower and a little higher, and among all where these were wrong. "middle"
# is the first NaN, if there is one, "middle number" the middle of those that are none.
_PLACE = """
declare double @llvm.sqrt.f64(double)
define internal i64 @key_or(ptr %k, i64 %at, i64 %count, i64 %else) alwaysinline {
entry:
  %inside = icmp ult i64 %at, %count
  br i1 %inside, label %there, label %end
there:
  %x = call i64 @key(ptr %k, i64 %at)
  br label %end
end:
  %y = phi i64 [%else, %entry], [%x, %there]
  ret i64 %y
}
define internal {i64, i64} @between(ptr %k, ptr %o, i64 %number, i64 %size) {
entry: ; two keys, between which the one of this rank should be
  %some = lshr i64 %size, 4
  %many = call i64 @llvm.smax.i64(i64 %some, i64 16)
  %count = call i64 @llvm.smin.i64(i64 %many, i64 512)
  %step = udiv i64 %size, %count
  br label %take
take:
  %i = phi i64 [0, %entry], [%i1, %take]
  %from = mul i64 %i, %step
  %x = call i64 @key(ptr %k, i64 %from)
  %to = getelementptr i64, ptr %o, i64 %i
  store i64 %x, ptr %to
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %count
  br i1 %more, label %take, label %taken
taken:
  call void @sort(ptr %o, ptr %o, i64 0, i64 %count)
  %c = sitofp i64 %count to double
  %root = call double @llvm.sqrt.f64(double %c)
  %wide = fmul double %root, 1.25
  %around = fptosi double %wide to i64
  %scaled = mul i64 %number, %count
  %rank = udiv i64 %scaled, %size
  %below = sub i64 %rank, %around
  %next = add i64 %rank, %around
  %above = add i64 %next, 1
  %low = call i64 @key_or(ptr %o, i64 %below, i64 %count, i64 -9223372036854775808)
  %high = call i64 @key_or(ptr %o, i64 %above, i64 %count, i64 9223372036854775807)
  %r0 = insertvalue {i64, i64} poison, i64 %low, 0
  %r1 = insertvalue {i64, i64} %r0, i64 %high, 1
  ret {i64, i64} %r1
}
define internal i64 @of_rank(ptr %k, ptr %o, i64 %number, i64 %size) {
entry: ; the keys stay as they are, %o is room
  %long = icmp sgt i64 %size, 128
  br i1 %long, label %sample, label %all
sample:
  %ends = call {i64, i64} @between(ptr %k, ptr %o, i64 %number, i64 %size)
  %low = extractvalue {i64, i64} %ends, 0
  %high = extractvalue {i64, i64} %ends, 1
  %range = sub i64 %high, %low
  br label %part
part:
  %i = phi i64 [0, %sample], [%i1, %part]
  %n = phi i64 [0, %sample], [%n1, %part]
  %x = call i64 @key(ptr %k, i64 %i)
  %at = getelementptr i64, ptr %o, i64 %n
  store i64 %x, ptr %at
  %over = sub i64 %x, %low
  %in = icmp ule i64 %over, %range
  %one = zext i1 %in to i64
  %n1 = add i64 %n, %one
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %size
  br i1 %more, label %part, label %parted
parted:
  %less = call i64 @count_below(ptr %k, i64 %low, i64 %size)
  %rank = sub i64 %number, %less
  %hit = icmp ult i64 %rank, %n1
  br i1 %hit, label %select, label %all
all:
  %bytes = shl i64 %size, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %o, ptr %k, i64 %bytes, i1 false)
  br label %select
select:
  %nth = phi i64 [%rank, %parted], [%number, %all]
  %count = phi i64 [%n1, %parted], [%size, %all]
  call void @select_nth(ptr %o, ptr %o, i64 %nth, i64 %count) ; no places are moved
  %found = call i64 @key(ptr %o, i64 %nth)
  ret i64 %found
}
define internal void @place(ptr %k, ptr %o, i64 %number, i64 %size) {
entry:
  %x = call i64 @of_rank(ptr %k, ptr %o, i64 %number, i64 %size)
  %less = call i64 @count_below(ptr %k, i64 %x, i64 %size)
  %wanted = sub i64 %number, %less
  %j = call i64 @place_of(ptr %k, i64 %x, i64 %wanted, i64 %size)
  store i64 %j, ptr %o
  ret void
}
define internal void @middle(ptr %k, ptr %o, i64 %number, i64 %size) {
entry:
  %below = call i64 @count_below(ptr %k, i64 9223372036854775807, i64 %size)
  %none = icmp eq i64 %below, %size
  br i1 %none, label %whole, label %look
look:
  %j = call i64 @place_of(ptr %k, i64 9223372036854775807, i64 0, i64 %size)
  store i64 %j, ptr %o
  ret void
whole:
  call void @place(ptr %k, ptr %o, i64 %number, i64 %size)
  ret void
}
define internal void @middle_number(ptr %k, ptr %o, i64 %size) {
entry:
  %n = call i64 @count_below(ptr %k, i64 9223372036854775807, i64 %size)
  %least = call i64 @llvm.smax.i64(i64 %n, i64 1)
  %below = sub i64 %least, 1
  %number = lshr i64 %below, 1
  call void @place(ptr %k, ptr %o, i64 %number, i64 %size)
  ret void
}
"""

# How many keys are below one, and where the one after %wanted others that equal it is: eight at a
# time, then one by one.
_COUNTS = """
declare i8 @llvm.ctpop.i8(i8)
define internal <8 x i64> @eight_of(i64 %x) alwaysinline {
  %one = insertelement <8 x i64> poison, i64 %x, i64 0
  %all = shufflevector <8 x i64> %one, <8 x i64> poison, <8 x i32> zeroinitializer
  ret <8 x i64> %all
}
define internal <8 x i64> @eight(ptr %k, i64 %i) alwaysinline {
  %at = getelementptr i64, ptr %k, i64 %i
  %v = load <8 x i64>, ptr %at, align 8
  ret <8 x i64> %v
}
define internal i64 @ones(<8 x i1> %which) alwaysinline {
  %bits = bitcast <8 x i1> %which to i8
  %count = call i8 @llvm.ctpop.i8(i8 %bits)
  %n = zext i8 %count to i64
  ret i64 %n
}
define internal i64 @count_below(ptr %k, i64 %x, i64 %size) {
entry:
  %xs = call <8 x i64> @eight_of(i64 %x)
  %whole = and i64 %size, -8
  br label %wide
wide:
  %i = phi i64 [0, %entry], [%i1, %some]
  %n = phi i64 [0, %entry], [%n1, %some]
  %in = icmp slt i64 %i, %whole
  br i1 %in, label %some, label %rest
some:
  %v = call <8 x i64> @eight(ptr %k, i64 %i)
  %less = icmp slt <8 x i64> %v, %xs
  %add = call i64 @ones(<8 x i1> %less)
  %n1 = add i64 %n, %add
  %i1 = add i64 %i, 8
  br label %wide
rest:
  %j = phi i64 [%i, %wide], [%j1, %single]
  %m = phi i64 [%n, %wide], [%m1, %single]
  %left = icmp slt i64 %j, %size
  br i1 %left, label %single, label %done
single:
  %y = call i64 @key(ptr %k, i64 %j)
  %is = icmp slt i64 %y, %x
  %one = zext i1 %is to i64
  %m1 = add i64 %m, %one
  %j1 = add i64 %j, 1
  br label %rest
done:
  ret i64 %m
}
define internal i64 @place_of(ptr %k, i64 %x, i64 %wanted, i64 %size) {
entry:
  %xs = call <8 x i64> @eight_of(i64 %x)
  %last = sub i64 %size, 8
  br label %wide
wide:
  %i = phi i64 [0, %entry], [%i1, %on]
  %left = phi i64 [%wanted, %entry], [%left1, %on]
  %in = icmp sle i64 %i, %last
  br i1 %in, label %some, label %rest
some:
  %v = call <8 x i64> @eight(ptr %k, i64 %i)
  %same = icmp eq <8 x i64> %v, %xs
  %n = call i64 @ones(<8 x i1> %same)
  %left1 = sub i64 %left, %n
  %here = icmp slt i64 %left1, 0
  br i1 %here, label %rest, label %on
on:
  %i1 = add i64 %i, 8
  br label %wide
rest:
  %j = phi i64 [%i, %wide], [%i, %some], [%j1, %next]
  %r = phi i64 [%left, %wide], [%left, %some], [%r1, %next]
  %y = call i64 @key(ptr %k, i64 %j)
  %is = icmp eq i64 %y, %x
  %one = zext i1 %is to i64
  %r1 = sub i64 %r, %one
  %found = icmp slt i64 %r1, 0
  br i1 %found, label %end, label %next
next:
  %j1 = add i64 %j, 1
  br label %rest
end:
  ret i64 %j
}
"""

# The keys of a row's elements, integers in their order: equal for equal ones, NaN above all; all
# bits turned round by a %flip of -1, for a falling order.
SPREAD = """
define internal <8 x i64> @keys_of(<8 x LOADED> %v) alwaysinline {
KEYS
  ret <8 x i64> %key
}
define internal i64 @key_of(LOADED %v) alwaysinline {
KEY
  ret i64 %key
}
define internal void @spread(ptr %x, ptr %k, ptr %o, i64 %flip, i64 %size) {
entry:
  %one = insertelement <8 x i64> poison, i64 %flip, i64 0
  %flips = shufflevector <8 x i64> %one, <8 x i64> poison, <8 x i32> zeroinitializer
  %whole = and i64 %size, -8
  br label %wide
wide:
  %i = phi i64 [0, %entry], [%i1, %eight]
  %p = phi <8 x i64> [<i64 0, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7>, %entry],
                     [%p1, %eight]
  %in = icmp slt i64 %i, %whole
  br i1 %in, label %eight, label %rest
eight:
  %at = getelementptr LOADED, ptr %x, i64 %i
  %v = load <8 x LOADED>, ptr %at, align 1
  %keys = call <8 x i64> @keys_of(<8 x LOADED> %v)
  %turned = xor <8 x i64> %keys, %flips
  %ka = getelementptr i64, ptr %k, i64 %i
  store <8 x i64> %turned, ptr %ka, align 8
  %oa = getelementptr i64, ptr %o, i64 %i
  store <8 x i64> %p, ptr %oa, align 8
  %p1 = add <8 x i64> %p, <i64 8, i64 8, i64 8, i64 8, i64 8, i64 8, i64 8, i64 8>
  %i1 = add i64 %i, 8
  br label %wide
rest:
  %j = phi i64 [%i, %wide], [%j1, %single]
  %left = icmp slt i64 %j, %size
  br i1 %left, label %single, label %done
single:
  %bt = getelementptr LOADED, ptr %x, i64 %j
  %w = load LOADED, ptr %bt
  %key = call i64 @key_of(LOADED %w)
  %turn = xor i64 %key, %flip
  call void @set(ptr %k, ptr %o, i64 %j, i64 %turn, i64 %j)
  %j1 = add i64 %j, 1
  br label %rest
done:
  ret void
}
"""

# Of a row's places those of the ranks %from on, and the elements there.
TAKEN = """
define internal void @taken(ptr %x, ptr %o, ptr %places, ptr %values, i64 %from, i64 %count) {
entry:
  br label %next
next:
  %i = phi i64 [0, %entry], [%i1, %next]
  %j = add i64 %from, %i
  %p = call i64 @key(ptr %o, i64 %j)
  %there = call i64 @llvm.smax.i64(i64 %p, i64 0) ; of a mode that is not known it is -1
  %at = getelementptr WORD, ptr %x, i64 %there
  %v = load WORD, ptr %at
  %to = getelementptr WORD, ptr %values, i64 %i
  store WORD %v, ptr %to
  %too = getelementptr i64, ptr %places, i64 %i
  store i64 %p, ptr %too
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %count
  br i1 %more, label %next, label %done
done:
  ret void
}
"""

CALLS = {
    "stable": "call void @digits(ptr %k, ptr %o, ptr %k2, ptr %o2, i64 %size)",
    "sort": "call void @sort(ptr %k, ptr %o, i64 0, i64 %size)",
    "partial sort": "call void @heap_sort(ptr %k, ptr %o, i64 0, i64 %number, i64 %size)",
    "select": "call void @select_nth(ptr %k, ptr %o, i64 %number, i64 %size)",
    "select and sort": """call void @select_nth(ptr %k, ptr %o, i64 %number, i64 %size)
  call void @sort(ptr %k, ptr %o, i64 0, i64 %number)""",
    "quickselect": "call void @quickselect(ptr %k, ptr %o, i64 %number, i64 %size)",
    "mode": "call void @mode(ptr %k, ptr %o, i64 %number, i64 %size)",
    "place": "call void @place(ptr %k, ptr %o, i64 %number, i64 %size)",
    "middle": "call void @middle(ptr %k, ptr %o, i64 %number, i64 %size)",
    "middle number": "call void @middle_number(ptr %k, ptr %o, i64 %size)",
}
ROOMY = {"stable"}
FUNCTIONS = (*ALGORITHMS, _DIGITS, _MODE, _COUNTS, _PLACE)
