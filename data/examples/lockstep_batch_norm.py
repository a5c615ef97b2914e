"""Synchronized batch norm for PyTorch on CPU tensors, exact and with the same bits on any number of ranks.

One file and no build step: it calls Lockstep's shared library with ctypes, and MPI by mpi4py.

    from lockstep_batch_norm import LockstepBatchNorm, convert_batch_norm
    model = convert_batch_norm(model)            # every BatchNorm1d/2d/3d and SyncBatchNorm of a model
    norm = LockstepBatchNorm(64)                 # or a layer of its own

Every rank gives each layer its own samples, as many as it likes, also none, and all ranks call the layers in the same
order. Beside it, compare_batch_norm.py holds it against BatchNorm on the whole batch, and train_ddp.py trains with
DistributedDataParallel.

What it needs: liblockstep.so (in LOCKSTEP_LIBRARY, in the prefix that this file is installed in, or where the system finds
libraries), PyTorch, and mpi4py with the MPI library that Lockstep was built with. A wheel of mpi4py takes the MPI library
that is loaded already, so import this file before mpi4py.MPI; an mpi4py that was built for another MPI library cannot be
used, and is refused with a sentence.
"""

import ctypes
import glob
import os

import torch
from torch.autograd.function import once_differentiable


class Options(ctypes.Structure):
    """struct lks_batch_norm_options of lockstep/batch_norm.h"""

    _fields_ = [("epsilon", ctypes.c_double), ("momentum", ctypes.c_double), ("group", ctypes.c_int), ("type", ctypes.c_int),
                ("group_size", ctypes.c_size_t), ("microbatch", ctypes.c_size_t), ("relu", ctypes.c_int),
                ("threads", ctypes.c_int), ("own_gradients", ctypes.c_int)]


SYNC, SAMPLES, RANKS = 0, 1, 2
TYPES = {torch.float32: 0, torch.bfloat16: 1}


def _load_library():
    """The shared library; its MPI library becomes the one that mpi4py finds."""
    here = os.path.dirname(os.path.abspath(__file__))  # PREFIX/share/lockstep/examples
    prefix = os.path.normpath(os.path.join(here, "..", "..", ".."))
    names = [os.environ["LOCKSTEP_LIBRARY"]] if "LOCKSTEP_LIBRARY" in os.environ else []
    if not names:
        for folder in ("lib", "lib64", "lib/*"):
            names += sorted(glob.glob(os.path.join(prefix, folder, "liblockstep.so.0")))
        names.append("liblockstep.so.0")
    errors = []
    for name in names:
        try:
            return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            errors.append(str(error))
    raise ImportError("Lockstep's shared library cannot be loaded; name it in LOCKSTEP_LIBRARY: " + "; ".join(errors))


_lib = _load_library()


def _library_version():
    text, length = ctypes.create_string_buffer(1 << 14), ctypes.c_int()
    _lib.MPI_Get_library_version(text, ctypes.byref(length))
    return text.value.decode(errors="replace").rstrip()


def _import_mpi():
    """mpi4py.MPI, which must speak through the MPI library that liblockstep is linked with."""
    advice = (f"Lockstep was built with '{_library_version()[:60]}': install an mpi4py of this MPI library "
              "(pip install --no-binary=mpi4py mpi4py), and import lockstep_batch_norm before mpi4py.MPI")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"mpi4py cannot be used: {error}. {advice}") from error
    version, started = MPI.Get_library_version().rstrip("\0\n "), ctypes.c_int()
    _lib.MPI_Initialized(ctypes.byref(started))
    if MPI.Is_initialized() != bool(started.value) or version != _library_version():
        raise ImportError(f"mpi4py uses another MPI library, '{version[:60]}'. {advice}")
    return MPI


MPI = _import_mpi()

_lib.lks_message.restype = ctypes.c_char_p
for _name, _types in {
        "lks_comm_create_fortran_all": [ctypes.c_void_p, ctypes.c_int],
        "lks_batch_norm_options_default": [ctypes.c_void_p],
        "lks_batch_norm_create_all": [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p],
        "lks_batch_norm_destroy_all": [ctypes.c_void_p],
        "lks_batch_norm_forward_all": [ctypes.c_void_p] * 6 + [ctypes.c_size_t] * 2,
        "lks_batch_norm_forward_running": [ctypes.c_void_p] * 6 + [ctypes.c_size_t] * 2,
        "lks_batch_norm_backward_all": [ctypes.c_void_p] * 8,
        "lks_batch_norm_get_running": [ctypes.c_void_p] * 4,
        "lks_batch_norm_set_running": [ctypes.c_void_p] * 3 + [ctypes.c_uint64],
        "lks_batch_norm_set_momentum": [ctypes.c_void_p, ctypes.c_double]}.items():
    getattr(_lib, _name).argtypes = _types
    getattr(_lib, _name).restype = ctypes.c_int if _name.endswith(("_all", "_running")) else None
for _name in ("destroy_all", "get_running", "set_running"):
    getattr(_lib, "lks_batch_norm_" + _name).restype = None


def _check(status):
    if status:
        raise RuntimeError(_lib.lks_message().decode(errors="replace"))


def _pointer(tensor):
    return None if tensor is None else tensor.data_ptr()


_of_lockstep = MPI.Comm.Create_keyval()  # an attribute of a communicator: Lockstep's for it, for as long as it lives


def _communicator(comm):
    made = comm.Get_attr(_of_lockstep)
    if made is None:
        made = ctypes.c_void_p()
        _check(_lib.lks_comm_create_fortran_all(ctypes.byref(made), comm.py2f()))
        comm.Set_attr(_of_lockstep, made)
    return made


class _Norm:
    """An lks_batch_norm, made when the layer is first used, by all ranks at once."""

    def __init__(self, layer, dtype):
        options = Options()
        _lib.lks_batch_norm_options_default(ctypes.byref(options))
        options.epsilon, options.type, options.microbatch = layer.eps, TYPES[dtype], layer.microbatch
        options.threads, options.own_gradients = torch.get_num_threads(), layer.own_gradients
        if layer.group_samples:
            options.group, options.group_size = SAMPLES, layer.group_samples
        elif layer.group_ranks:
            options.group, options.group_size = RANKS, layer.group_ranks
        self.dtype, self.alone, self.serial = dtype, not layer.group_ranks, 0
        self.norm = ctypes.c_void_p()
        _check(_lib.lks_batch_norm_create_all(ctypes.byref(self.norm), _communicator(layer.comm or MPI.COMM_WORLD),
                                              layer.num_features, ctypes.byref(options)))

    def __del__(self):
        if self.alone and self.norm:  # groups of ranks have a communicator, which only all ranks together may free
            _lib.lks_batch_norm_destroy_all(ctypes.byref(self.norm))

    def forward(self, training, x, weight, bias, y):
        """x, y: samples, pixels, channels. Returns which pass this was, for backward."""
        function = _lib.lks_batch_norm_forward_all if training else _lib.lks_batch_norm_forward_running
        _check(function(self.norm, _pointer(y), _pointer(x), None, _pointer(weight), _pointer(bias), x.shape[0], x.shape[1]))
        self.serial += 1
        return self.serial

    def backward(self, dx, dweight, dbias, dy, x):
        _check(_lib.lks_batch_norm_backward_all(self.norm, _pointer(dx), None, _pointer(dweight), _pointer(dbias),
                                                _pointer(dy), _pointer(x), None))


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, norm, training, running):
        y = torch.empty_like(x)
        if running is not None:
            _lib.lks_batch_norm_set_running(norm.norm, _pointer(running[0]), _pointer(running[1]), 0)
        ctx.serial = norm.forward(training, x, weight, bias, y)
        if running is not None and training:
            _lib.lks_batch_norm_get_running(norm.norm, _pointer(running[0]), _pointer(running[1]), None)
        ctx.norm, ctx.training = norm, training
        # what the running statistics were, should this pass have to be repeated
        ctx.running = [r.clone() for r in running] if running is not None and not training else None
        ctx.save_for_backward(x, weight, bias)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        x, weight, bias = ctx.saved_tensors
        if ctx.norm.serial != ctx.serial:  # the layer was used again meanwhile: the same pass once more
            if ctx.running is not None:
                _lib.lks_batch_norm_set_running(ctx.norm.norm, _pointer(ctx.running[0]), _pointer(ctx.running[1]), 0)
            ctx.norm.forward(ctx.training, x, weight, bias, torch.empty_like(x))
        dy, dx = dy.contiguous(), torch.empty_like(x)
        dweight, dbias = (None if p is None else torch.empty_like(p) for p in (weight, bias))
        ctx.norm.backward(dx, dweight, dbias, dy, x)
        return dx, dweight, dbias, None, None, None


class LockstepBatchNorm(torch.nn.modules.batchnorm._BatchNorm):
    """BatchNorm1d, 2d and 3d over the samples of all ranks of a communicator, for CPU tensors in float32 and bfloat16.

    Parameters, buffers and state_dict are BatchNorm's. comm: an mpi4py communicator; None is MPI.COMM_WORLD.
    group_samples or group_ranks: normalize in groups of so many consecutive samples, or ranks, instead of all; the running
    statistics are those of all samples in any case. microbatch: a number of samples that divides what each rank but the last
    gives, and so is summed in one piece (faster for inputs of two dimensions); 1 fits everything. own_gradients: True leaves
    the gradients of weight and bias as this rank's share, as SyncBatchNorm does, for DistributedDataParallel to
    reduce; False gives every rank their sum.

    In training, forward and backward wait for the other ranks; in evaluation, nothing does.
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, *, comm=None,
                 group_samples=0, group_ranks=0, microbatch=1, own_gradients=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        if group_samples and group_ranks:
            raise ValueError("a batch norm has groups of samples or of ranks, not both")
        self.comm, self.microbatch, self.own_gradients = comm, microbatch, own_gradients
        self.group_samples, self.group_ranks = group_samples, group_ranks
        self._norm = None

    def __getstate__(self):  # the library's object is no part of a copy
        return {**self.__dict__, "_norm": None}

    def _check_input_dim(self, x):
        if x.dim() < 2 or x.shape[1] != self.num_features:
            raise ValueError(f"expected samples x {self.num_features} channels x ..., got {tuple(x.shape)}")
        if x.device.type != "cpu" or x.dtype not in TYPES:
            raise TypeError(f"LockstepBatchNorm takes CPU tensors in float32 or bfloat16, not {x.dtype} on {x.device}")

    def _momentum(self):
        """Of this pass; counts it. None means the plain average of all batches."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum

    def forward(self, x):
        self._check_input_dim(x)
        tracked = self.running_mean is not None
        training = self.training or not tracked
        if self._norm is None or self._norm.dtype != x.dtype:
            self._norm = _Norm(self, x.dtype)
        running = [self.running_mean, self.running_var] if tracked else None
        if training and tracked and self.training:
            _lib.lks_batch_norm_set_momentum(self._norm.norm, self._momentum())
        weight, bias = (None if p is None else p.float().contiguous() for p in (self.weight, self.bias))
        rows = x.movedim(1, -1).contiguous()  # no copy of what is channels_last
        shape = rows.shape
        y = _Normalize.apply(rows.reshape(shape[0], -1 if rows.numel() else 1, shape[-1]), weight, bias, self._norm, training,
                             running)
        return y.reshape(shape).movedim(-1, 1)


def convert_batch_norm(module, **options):
    """Replaces every BatchNorm1d/2d/3d and SyncBatchNorm in a model by a LockstepBatchNorm with the same parameters and
    buffers, as torch.nn.SyncBatchNorm.convert_sync_batchnorm does; options are LockstepBatchNorm's. Returns the model, which
    is another object when it is itself such a layer."""
    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and not isinstance(module, LockstepBatchNorm):
        made = LockstepBatchNorm(module.num_features, module.eps, module.momentum, module.affine,
                                 module.track_running_stats, **options)
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            setattr(made, name, getattr(module, name))
        made.training = module.training
        return made
    for name, child in module.named_children():
        module.add_module(name, convert_batch_norm(child, **options))
    return module

