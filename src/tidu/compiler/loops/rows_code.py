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
# many before it as there are ranks between.
_PLACE = """
define internal void @place(ptr %k, ptr %o, ptr %k2, i64 %number, i64 %size) {
entry:
  %bytes = shl i64 %size, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %k2, ptr %k, i64 %bytes, i1 false)
  call void @select_nth(ptr %k, ptr %o, i64 %number, i64 %size)
  %x = call i64 @key(ptr %k, i64 %number)
  br label %count
count:
  %i = phi i64 [0, %entry], [%i1, %count]
  %less = phi i64 [0, %entry], [%less1, %count]
  %y = call i64 @key(ptr %k2, i64 %i)
  %is = icmp slt i64 %y, %x
  %one = zext i1 %is to i64
  %less1 = add i64 %less, %one
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %size
  br i1 %more, label %count, label %counted
counted:
  %wanted = sub i64 %number, %less1
  br label %look
look:
  %j = phi i64 [0, %counted], [%j1, %look]
  %left = phi i64 [%wanted, %counted], [%left1, %look]
  %z = call i64 @key(ptr %k2, i64 %j)
  %same = icmp eq i64 %z, %x
  %two = zext i1 %same to i64
  %left1 = sub i64 %left, %two
  %j1 = add i64 %j, 1
  %on = icmp sge i64 %left1, 0
  br i1 %on, label %look, label %found
found:
  store i64 %j, ptr %o
  ret void
}
define internal void @middle(ptr %k, ptr %o, ptr %k2, i64 %number, i64 %size) {
entry:
  br label %look
look:
  %i = phi i64 [0, %entry], [%i1, %next]
  %x = call i64 @key(ptr %k, i64 %i)
  %hole = icmp eq i64 %x, 9223372036854775807
  br i1 %hole, label %found, label %next
next:
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %size
  br i1 %more, label %look, label %whole
whole:
  call void @place(ptr %k, ptr %o, ptr %k2, i64 %number, i64 %size)
  ret void
found:
  store i64 %i, ptr %o
  ret void
}
"""

# The keys of a row's elements, integers in their order: equal for equal ones, NaN above all; all
# bits turned round by a %flip of -1, for a falling order.
SPREAD = """
define internal void @spread(ptr %x, ptr %k, ptr %o, i64 %flip, i64 %size) {
entry:
  br label %next
next:
  %i = phi i64 [0, %entry], [%i1, %next]
  %at = getelementptr LOADED, ptr %x, i64 %i
  %v = load LOADED, ptr %at
KEY
  %turned = xor i64 %key, %flip
  call void @set(ptr %k, ptr %o, i64 %i, i64 %turned, i64 %i)
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %size
  br i1 %more, label %next, label %done
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
  %at = getelementptr WORD, ptr %x, i64 %p
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
    "place": "call void @place(ptr %k, ptr %o, ptr %k2, i64 %number, i64 %size)",
    "middle": "call void @middle(ptr %k, ptr %o, ptr %k2, i64 %number, i64 %size)",
}
ROOMY = {"stable", "place", "middle"}
FUNCTIONS = (*ALGORITHMS, _DIGITS, _MODE, _PLACE)
