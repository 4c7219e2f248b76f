"""Conjugates and negatives as views: read through a bit, written through it."""

import copy
import io
import pickle

from .observe import fails


def _x(torch, tracked=False):
    values = [[1 + 2j, 3 - 4j], [5j, 6 + 1j]]
    return torch.tensor(values, dtype=torch.complex128, requires_grad=tracked)


def _numbers(*tensors):
    plain = [t.detach().resolve_conj().resolve_neg() for t in tensors]
    return [[t.real.tolist(), t.imag.tolist()] if t.is_complex() else t.tolist() for t in plain]


def _bits(*tensors):
    return [(t.is_conj(), t.is_neg()) for t in tensors]


def what_has_a_bit(torch):
    x = _x(torch)
    y, turned, r = x.conj(), x.mH, torch.ones(2, 2)
    views = [y, turned, x.H, x.adjoint(), y.conj(), y.imag, y.real, y.imag._neg_view(), y[0],
             y.T, y.view(4), y.reshape(4), y.unbind()[0], y.expand(3, 2, 2), y.detach(), y.data,
             y.diagonal(), y.as_strided((2,), (1,)), y._neg_view(), y._neg_view().imag]  # fmt: skip
    computed = [y.clone(), y.T.reshape(4), y * 2, y.resolve_conj(), y.imag.resolve_neg(),
                torch.conj_physical(y), y.to(torch.complex64), torch.zeros_like(y), y[[0]],
                torch.cat([y, x]), y.flip(0), torch.view_as_complex(r._neg_view())]  # fmt: skip
    return [_bits(*views), _bits(*computed), [t._base is x for t in views[:-4] if t._base is not y],
            r.conj() is r, r.resolve_neg() is r, torch.is_conj(y), torch.is_neg(y.imag),
            y.data_ptr() == x.data_ptr(), y.stride(), turned.stride(), y.is_contiguous(),
            y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()]  # fmt: skip


def reading(torch):
    x = _x(torch)
    y = x.conj()
    x[0, 0] = 7j
    return [_numbers(y, y.mT, y.imag, y @ x, y.sum(), torch.linalg.inv(y), torch.fft.fft(y)),
            repr(y), repr(y.imag), y[0, 0].item(), y.tolist() == x.tolist(), bool(y[0, 0]),
            torch.equal(y, x.conj_physical()), y.numpy(force=True).tolist()[0][1].imag]  # fmt: skip


def writing(torch):
    found = []
    for write in (
        lambda y: y.mul_(2j), lambda y: y.__setitem__(0, 1 + 1j), lambda y: y.zero_(),
        lambda y: y.imag.fill_(7), lambda y: y.imag.sub_(1), lambda y: y.real.mul_(3),
        lambda y: y.copy_(y.conj()), lambda y: y.mH.copy_(y + 1j), lambda y: y.data.add_(2j),
        lambda y: torch.mul(y, y, out=y), lambda y: y.masked_fill_(y.real > 2, 8j),
        lambda y: y._neg_view().add_(1j), lambda y: y.detach().T[1].add_(1j),
    ):  # fmt: skip
        x = _x(torch)
        y = x.conj()
        write(y)
        found.append((_numbers(x, y), x._version, y._version))
    return found


def refused(torch):
    y, r = _x(torch).conj(), torch.ones(2, 2)._neg_view()
    return [fails(y.numpy), fails(y.imag.numpy), fails(r.numpy),
            fails(lambda: torch.view_as_real(y)), fails(lambda: y.view(torch.float64)),
            fails(lambda: r.view(torch.int32)), fails(lambda: torch.ones(2).mH),
            fails(lambda: torch.ones(2).mT), fails(lambda: torch.ones(2, 2, 2).H),
            fails(lambda: torch.ones(3).adjoint())]  # fmt: skip


def history(torch):
    found = []
    for write in (
        lambda z: z.conj().mul_(2j), lambda z: z.mH[0].mul_(3), lambda z: z.conj().imag.mul_(3),
        lambda z: z.mH.copy_(z * 2), lambda z: z.conj()._neg_view().real.exp_(),
    ):  # fmt: skip
        x = _x(torch, True)
        z = x * 1
        other = z.mH
        write(z)
        (z.abs().sum() + (other * (1 + 2j)).imag.sum()).backward()
        found.append((_numbers(x.grad, z, other), other.grad_fn.name()))
    return found


def history_from_the_base(torch):
    x = _x(torch, True)
    z = x * 1
    y = z.conj()
    z.mul_(2j)
    (y.real.sum() * 3 + y.imag.sum()).backward()
    return [_numbers(x.grad, y), y.grad_fn.name()]


def leaves_and_modes(torch):
    x = _x(torch, True)
    y = x.conj()
    leaf = _x(torch).conj().requires_grad_()
    (leaf * leaf).abs().sum().backward()
    with torch.no_grad():
        z = (x * 1).conj()
        x.conj().add_(1)
    return [y.grad_fn.name(), y.is_leaf, fails(lambda: y.add_(1)), fails(lambda: z.add_(1)),
            _numbers(x, leaf.grad), leaf.is_conj(),
            torch.autograd.gradcheck(lambda x: x.mH @ x, x)]  # fmt: skip


def parameters(torch):
    p = torch.nn.Parameter(_x(torch).conj())
    (p * p).abs().sum().backward()
    torch.optim.SGD([p], lr=0.1, momentum=0.9).step()
    return [_numbers(p), p.is_conj()]


def copies_and_files(torch):
    y = _x(torch).conj()
    file = io.BytesIO()
    torch.save({"conj": y, "both": y.T._neg_view(), "plain": y.conj()}, file)
    file.seek(0)
    read = torch.load(file)
    read["plain"][0, 1] = 9j
    again = pickle.loads(pickle.dumps(y))
    return [_numbers(*read.values()), _bits(*read.values()), _bits(copy.deepcopy(y), copy.copy(y)),
            _numbers(copy.deepcopy(y), copy.copy(y), again), _bits(again)]  # fmt: skip


def inside_transforms(torch):
    def written(x):
        y = x * 1
        z = y.conj()
        z.mul_(2j)
        return y

    def of_part(x):
        y = x * 1
        y.conj().real.mul_(3)
        return y

    func, x = torch.func, _x(torch)
    return [_numbers(func.vmap(written)(x), func.vmap(lambda x: x * x)(x.conj()),
                     func.grad(lambda x: (written(x) * x).abs().sum())(x),
                     func.grad(lambda x: (x.conj() * x * x).abs().sum())(x.conj()),
                     *func.jvp(lambda x: x.mH @ x, (x,), (x * 1j,)),
                     *func.jvp(written, (x,), (x,)), func.vmap(of_part)(x)),
            func.vmap(lambda x: x * x.conj().is_conj())(x).real.sum()]  # fmt: skip


def other_memory(torch):
    x = _x(torch)
    y, z, w = x.conj(), x.conj(), x.conj()
    y.set_(torch.ones(2, dtype=torch.complex128) * 1j)
    z.resize_(3)
    w.t_()
    return [_numbers(y, z, w), _bits(y, z, w)]
