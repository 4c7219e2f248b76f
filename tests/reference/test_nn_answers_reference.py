"""What modules, containers and functions answer, and the errors they raise, against PyTorch.

Each line of CASES is run with both libraries; `l` is a Linear(2, 3). The results' text must agree,
or the class and first sentence of the error.
"""

import copy
from collections import OrderedDict

import pytest

import tidu
import tidu.nn

torch = pytest.importorskip("torch")

# One case a line: code is data here, so lines are as long as the case.
CASES = r"""
l.weight=3
l.weight=lib.ones(2)
l.foo
l.register_parameter('a.b',None)
l.register_parameter('',None)
l.register_parameter(3,None)
l.register_parameter('forward',None)
l.register_parameter('q',lib.ones(1))
l.register_buffer('a.b',None)
l.register_buffer('',None)
l.register_buffer(3,None)
l.register_buffer('forward',None)
l.register_buffer('q',3)
l.add_module('a.b',nn.ReLU())
l.add_module('',nn.ReLU())
l.add_module(3,nn.ReLU())
l.add_module('forward',nn.ReLU())
l.add_module('q',3)
l.get_submodule('x.y')
l.get_parameter('x')
l.get_submodule('weight')
l.get_parameter('in_features')
l.get_buffer('weight')
l.set_submodule('',nn.ReLU())
l.set_submodule('5',nn.ReLU(),strict=True)
l.set_submodule('weight',nn.ReLU())
l.load_state_dict(3)
l.load_state_dict({'weight':lib.ones(2,2),'x':3})
l.load_state_dict({'weight':3,'bias':lib.ones(3)})
l.load_state_dict({'x':3},strict=False)
l.to(lib.int64)
l.train(3)
l.to('foo')
nn.Module()(3)
nn.Linear(2,3,foo=1)
nn.LazyLinear(3).weight
nn.LazyLinear(3)
nn.LazyLinear(3).weight.shape
nn.Linear(2,3)(lib.ones(4,5))
nn.Linear(2,3)(lib.ones(4,2).double())
nn.CrossEntropyLoss()(lib.ones(2,3), lib.tensor([1,5]))
nn.CrossEntropyLoss()(lib.ones(2,3), lib.tensor([1,2,1]))
nn.CrossEntropyLoss()(lib.ones(2,3), lib.tensor([1.,2]))
nn.BCELoss()(lib.ones(2,3), lib.ones(2))
nn.BCELoss()(lib.ones(2)*2, lib.ones(2))
nn.BCEWithLogitsLoss()(lib.ones(2,3), lib.ones(2))
nn.BatchNorm1d(3)(lib.ones(1,3))
nn.BatchNorm1d(3)(lib.ones(3))
nn.BatchNorm2d(3)(lib.ones(1,4,2,2))
nn.LayerNorm(3)(lib.ones(1,4))
nn.GroupNorm(2,3)
nn.GroupNorm(2,4)(lib.ones(1,3))
nn.Dropout(1.5)
nn.Embedding(3,2)(lib.tensor([5]))
nn.Embedding(3,2)(lib.tensor([1.]))
nn.Embedding(3,2,padding_idx=7)
nn.Conv2d(3,4,3,groups=2)
nn.Conv2d(4,3,3,groups=2)
nn.Conv2d(4,4,3,groups=0)
nn.Conv2d(4,4,3,stride=2,padding='same')
nn.Conv2d(4,4,(3,2),stride=2,padding=(1,0),dilation=2,groups=2,bias=False)
nn.ConvTranspose2d(2,3,3,output_padding=1,stride=2)
nn.LSTM(3,4)(lib.ones(2,3,5))
nn.LSTM(3,4)(lib.ones(3))
nn.LSTM(3,4)(lib.ones(2,3,3),(lib.ones(1,2,4),lib.ones(1,3,4)))
nn.GRU(3,4)(lib.ones(2,3,3),lib.ones(2,4))
nn.LSTM(3,4,proj_size=5)
nn.GRU(3,4,proj_size=2)
nn.LSTM(3,4,dropout=2)
nn.RNN(3,4,nonlinearity='x')
nn.LSTM(3,0)
nn.MultiheadAttention(5,2)
nn.MultiheadAttention(4,2)(lib.ones(2,4),lib.ones(2,3,4),lib.ones(2,4))
nn.Transformer(4,2,1,1,8)
nn.TransformerEncoder(nn.TransformerEncoderLayer(4,2,8),2)
l.requires_grad_(False).weight.requires_grad
l.double().weight.dtype
l.to(lib.float64).state_dict()
l.half().bias.dtype
list(l.apply(lambda m:None).named_parameters())[1][0]
l.extra_repr()
l.zero_grad()
nn.Parameter()
nn.Sequential(l,nn.ReLU())[0:1]
nn.Sequential(l,nn.ReLU())[5]
nn.Sequential(l,nn.ReLU())[-1]
nn.Sequential(l)+nn.Sequential(nn.ReLU())
nn.Sequential(l)+3
nn.Sequential(l)*2
nn.Sequential(l).append(nn.ReLU()).insert(0,nn.Tanh()).extend([nn.ELU()])
nn.Sequential(l).insert(7,l)
nn.Sequential(l).insert(0,3)
nn.Sequential(OD([('a',l),('b',nn.ReLU())]))
nn.Sequential(OD([('a',l)])).append(l)
nn.Sequential(3)
nn.Sequential()
nn.ModuleList([l,l,nn.ReLU(),nn.Linear(2,3)])
nn.ModuleList([nn.Linear(2,3) for _ in range(3)]+[nn.Sequential(l)])
nn.ModuleList([l])[3]
nn.ModuleList([l])(3)
nn.ModuleList([l]).extend(3)
nn.ModuleList(l)
nn.ModuleDict({'a':l,'b':nn.ReLU()})
nn.ModuleDict({'a':l})['c']
nn.ModuleDict([('a',l)])
nn.ModuleDict([3])
nn.ModuleDict(3)
nn.ModuleDict({'a':l})(3)
nn.ModuleList()
nn.ParameterList([lib.ones(2),3])
nn.ParameterList(lib.ones(2))
nn.ParameterDict({'a':lib.ones(2)})
nn.ParameterList([lib.ones(1)])(2)
nn.ParameterDict({'a':lib.ones(2),'b':3}).keys()
nn.BatchNorm2d(3).state_dict()
nn.Embedding(3,2,padding_idx=0).weight
nn.utils.clip_grad_norm_([l.weight],1.)
nn.init.calculate_gain('foo')
nn.init.xavier_uniform_(lib.ones(3))
nn.init.orthogonal_(lib.empty(3,5))
nn.init.orthogonal_(lib.empty(5,3))
nn.init.trunc_normal_(lib.empty(20))
nn.init.kaiming_normal_(lib.empty(3,5),mode='fan_out',nonlinearity='relu')
nn.init.dirac_(lib.empty(3,2,3))
nn.init.sparse_(lib.empty(4,3),.5)
nn.init.eye_(lib.empty(2,3))
nn.init.xavier_normal_(lib.empty(2,3))
nn.init.kaiming_uniform_(lib.empty(2,3),mode='x')
nn.Unflatten(1,3)
nn.Flatten()
nn.Upsample(scale_factor=2)
nn.Softmax()
nn.Hardtanh(2,1)
nn.utils.parameters_to_vector(l.parameters())
nn.utils.rnn.pad_sequence([lib.ones(2),lib.ones(3)])
nn.utils.rnn.pack_padded_sequence(lib.ones(3,2,1),[3,2])
nn.utils.rnn.pack_padded_sequence(lib.ones(3,2,1),[2,3])
nn.utils.rnn.pack_padded_sequence(lib.ones(3,2,1),[0,3],enforce_sorted=False)
nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_padded_sequence(lib.arange(6.).reshape(3,2,1),[2,3],enforce_sorted=False))
nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_padded_sequence(lib.ones(3,2,1),[3,2]),True)[0].stride()
nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_padded_sequence(lib.ones(3,2,1),[2,3],enforce_sorted=False),True)[0].stride()
nn.LSTM(1,2,bidirectional=True)(nn.utils.rnn.pack_padded_sequence(lib.arange(6.).reshape(3,2,1),[2,3],enforce_sorted=False))
nn.GRU(1,2,2,bidirectional=True)(nn.utils.rnn.pack_padded_sequence(lib.arange(6.).reshape(3,2,1),[3,2]))[1]
F.gumbel_softmax(lib.ones(2,3))
F.gumbel_softmax(lib.ones(2,3),hard=True)
F.gumbel_softmax(lib.ones(3,2).t(),hard=True)
F.rrelu(lib.tensor([-1.,2,-3,0]),training=True)
F.softmax(lib.ones(2))
F.normalize(lib.tensor([[3.,4]]))
F.pdist(lib.arange(6.).reshape(3,2))
F.one_hot(lib.tensor([1,2]))
F.pad(lib.ones(2),(1,))
F.pad(lib.ones(1,2,2),(3,0),mode='reflect')
F.scaled_dot_product_attention(lib.ones(1,2,4),lib.ones(1,3,4),lib.arange(12.).reshape(1,3,4),is_causal=True)
F.interpolate(lib.ones(1,1,2))
F.interpolate(lib.ones(1,1,2),size=3,mode='bilinear')
F.ctc_loss(lib.randn(5,2,4).log_softmax(2),lib.tensor([[1,2],[3,3]]),lib.tensor([5,5]),lib.tensor([2,2]))
F.ctc_loss(lib.randn(5,2,4).log_softmax(2),lib.tensor([1,2,3]),[5,4],[2,1],reduction='none')
F.grid_sample(lib.arange(12.).reshape(1,1,3,4),F.affine_grid(lib.tensor([[[.7,.2,.1],[-.3,.9,0]]]),(1,1,3,4),align_corners=False),align_corners=False)
F.grid_sample(lib.arange(12.).reshape(1,1,3,4),lib.rand(1,2,2,2)*3-1.5,mode='bicubic',padding_mode='reflection',align_corners=True)
F.grid_sample(lib.arange(12.).reshape(1,1,3,4),lib.rand(1,2,2,2)*3-1.5,mode='nearest',padding_mode='border',align_corners=False)
F.interpolate(lib.arange(20.).reshape(1,1,4,5),size=(2,3),mode='bilinear',antialias=True)
F.interpolate(lib.arange(20.).reshape(1,1,4,5),size=(2,3),mode='bicubic',antialias=True)
F.binary_cross_entropy(lib.tensor([0.,1.,.5]),lib.tensor([1.,1.,0.]))
F.multilabel_margin_loss(lib.tensor([.1,.2,.4,.8]),lib.tensor([3,0,-1,1]))
F.embedding_bag(lib.tensor([1,2,0,1]),lib.arange(6.).reshape(3,2),lib.tensor([0,3]),mode='max')
F.local_response_norm(lib.ones(1,3,2),2)
F.glu(lib.ones(3))
F.relu(lib.ones(2),inplace=True)
F.hardtanh(lib.ones(2),1,-1)
F.cross_entropy(lib.ones(2,3),lib.tensor([1,2]),reduction='x')
F.mse_loss(lib.ones(2,3),lib.ones(4))
nn.AdaptiveLogSoftmaxWithLoss(4,10,[3,6])
nn.DataParallel(l)
nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(2)))
copy.deepcopy(nn.Sequential(l,nn.BatchNorm1d(3))).state_dict()
nn.Linear(2,0)
l.register_forward_hook(lambda m,a,o:o*2) and l(lib.ones(1,2))
l.register_forward_pre_hook(lambda m,a:(a[0]*3,)) and l(lib.ones(1,2))
nn.Threshold(.1,2)
nn.EmbeddingBag(3,2)
nn.Embedding.from_pretrained(lib.ones(2,3))
nn.Bilinear(0,1,2)
nn.Buffer(lib.ones(2))
nn.AdaptiveAvgPool2d((None,2))(lib.ones(1,2,3,4)).shape
nn.UpsamplingBilinear2d(scale_factor=2)
nn.CosineSimilarity()
nn.TripletMarginLoss(margin=-1)
nn.PairwiseDistance()
nn.GaussianNLLLoss()(lib.ones(2),lib.ones(2),-lib.ones(2))
"""


def answer(library, code):
    library.manual_seed(0)
    names = {
        "lib": library, "nn": library.nn, "F": library.nn.functional, "copy": copy,
        "OD": OrderedDict, "l": library.nn.Linear(2, 3),
    }  # fmt: skip
    try:
        return "value", str(eval(code, names)).replace("tidu.", "torch.")
    except Exception as error:
        message = str(error).split("\nHint")[0]
        return type(error).__name__, message.replace("tidu.", "torch.")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("code", CASES.strip().splitlines())
def test_same_answer(code):
    assert answer(tidu, code) == answer(torch, code)
