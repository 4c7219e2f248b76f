// The page's own words, English and Chinese. Sentences about a program come with its document.
"use strict";
window.T = { parts: {} };

T.WORDS = {
  en: {
    title: "How the gradients came about", language: "中文", call: "backward call", of: "of",
    explainCall: "backward(), if it were called now", gradCall: "autograd.grad", line: "line",
    tabGraph: "Graph", tabStory: "In words", tabMethods: "Four methods", tabPaths: "Paths", tabFindings: "Warnings",
    tabTable: "Table", tabTraining: "Training", source: "Program", card: "Selected",
    search: "Find a tensor, operation or line", only: "Only the path to this", all: "Whole graph",
    viewTensors: "Tensors", viewOperations: "Operations", viewBoth: "Both", collapseAll: "Collapse all",
    expand: "Expand", collapse: "Collapse", fit: "Fit", first: "First", previous: "Back", next: "Forward",
    last: "Last", play: "Play", pause: "Pause", speed: "Speed", step: "Step", forwardPass: "forward",
    backwardPass: "backward", seedStep: "start", arriveStep: "into .grad", memory: "Saved for backward",
    bytes: "bytes", peak: "peak", value: "value", gradient: "gradient", none: "none",
    leaf: "leaf", computed: "computed", constant: "constant", operation: "operation", output: "output",
    partOf: "output of several", madeBy: "made by", inModule: "in module", inLoop: "loop on line",
    turn: "step", retains: "retain_grad: its .grad is kept", requires: "collects a gradient",
    notRequires: "no gradient goes here", forwardTitle: "Forward", arrivesTitle: "What arrives",
    sendsTitle: "What it sends on", seedText: "The seed: where the backward pass starts.",
    oneWay: "One message arrives.", sumOf: "The sum of", messages: "messages", from: "from", to: "to",
    noneArrives: "No gradient arrives here in this pass.", localDerivative: "local derivative",
    historyTitle: "What .grad held, call by call", before: "before", added: "added", after: "after",
    checkOk: "Checked: finite differences give the same", checkBad: "Finite differences differ",
    checkDirection: "along one direction", relative: "relative difference",
    savedTitle: "Kept for the backward pass", kinkTitle: "On a kink", chosen: "taken", outOf: "of",
    elements: "elements", whyNone: "Why is .grad none?", elementRule: "each element", definedBy: "Defined by", inRowsOf: "numbers, in rows of", rowsOf: "rows of", matricesOf: "matrices of",
    whyComputed: "It was computed, so it is no leaf. Its gradient passes through and is not kept; " +
      "retain_grad() before backward() keeps it.",
    whyConstant: "It does not require a gradient: it is data, or it was cut off by detach() or no_grad().",
    whyLeaf: "It requires a gradient, but no backward pass has reached it: the output does not depend on it.",
    whyGrad: "autograd.grad returns gradients and writes no .grad.",
    layout: "Written as", asShape: "the shape of the tensor (PyTorch)", asRow: "a row: Jacobian, numerator layout",
    summedNote: "This input was repeated along an axis (broadcasting), so its gradient is summed over axis",
    reshaped: "The same numbers, in another shape.",
    sliders: "Try other values", slidersHint: "Move a slider: the graph is computed again in this page. What the program chose (if, argmax, detach) stays as it was.",
    reset: "Reset", cannotReplay: "This graph cannot be computed again in the page: it uses",
    notKept: "not all its values were kept", noScalars: "The program has no scalar to move.",
    scale: "scale", min: "min", max: "max", mean: "mean", norm: "norm", nan: "not a number",
    zeros: "zeros", summaryOnly: "Too many numbers to show; a summary was kept.",
    hoverHint: "Point at a number to see where it comes from.",
    method1: "By hand", method2: "By small differences", method3: "By formula", method4: "Automatic",
    handHint: "Your formula for the derivative by", handCheck: "Compare", handRight: "Right: both give",
    handWrong: "It gives", handShould: "the gradient is", handError: "This cannot be read as a formula of",
    numericHint: "Too large a step misses the curve; too small a step drowns in rounding. In between is the best.",
    stepSize: "step h", estimate: "estimate", error: "error", symbolicHint: "The derivative as one formula",
    withoutSharing: "operations written out", withSharing: "operations if repeated parts are shared",
    autoHint: "Cost of one derivative of m outputs by n inputs", mode: "mode", sweeps: "sweeps here",
    forwardMode: "forward", reverseMode: "reverse (backward)", good: "good when",
    fewInputs: "few inputs", fewOutputs: "few outputs, as one loss", differences: "differences",
    perInput: "two runs for each input", pathsHint: "The gradient is the sum over all ways from the tensor to the " +
      "output of the product of the local derivatives on the way.",
    paths: "paths", path: "path", product: "product", sum: "sum", tooManyPaths: "More than 500 paths: not listed. Count:",
    pathsScalar: "Products are shown for scalars; this graph holds larger tensors.", choose: "from",
    noFindings: "Nothing to warn of.", error_: "error", warning: "warning", note: "note",
    tableHint: "All steps of this pass as a table.", thStep: "step", thNode: "node", thCode: "line",
    thForward: "forward", thLocal: "local", thIncoming: "incoming", thMessage: "message",
    loss: "loss", gradNorms: "gradient norm", updateRatio: "update / parameter", layers: "layers",
    health: "What stands out", healthy: "No layer's gradient vanishes, explodes or fails to arrive.",
    heatStrip: "Gradient norm: one row for each parameter, one column for each step", group: "group",
    operations: "operations", moreTerms: "terms", shape: "shape", type: "type", times: "times",
    thickness: "An edge is as thick as the message on it is large.", tape: "Steps", noCode: "The source is not available.",
    keys: "Keys: ← → step, Home End, space play, / find, G graph, T table, L language",
    left: "The recording is full; the rest was left out.", empty: "No operation that is tracked was recorded.",
    noPass: "No backward pass was recorded: the graph is shown as the forward pass left it.",
    close: "Close", minimap: "Overview", zoomIn: "Larger", zoomOut: "Smaller", programError: "The program ended with an error",
    knownTitle: "Good to know",
    knownAscent: "The gradient points to where the output grows fastest; training steps against it: w -= lr · w.grad.",
    knownLeaf: "A leaf is a tensor that no recorded operation made: created by the program, without requires_grad, or cut off by detach(). Only leaves that require a gradient collect one in .grad; for computed tensors none is stored (it isn't cleared, it never was there), unless retain_grad() asks for it.",
    knownNodes: "In autograd's graph the nodes are operations (grad_fn) and the edges carry gradients. Tensors, Operations and Both show this same graph.",
    knownAdds: "backward() adds to .grad. optimizer.zero_grad() sets it to None, so x.grad.zero_() after it fails.",
    knownSaved: "An operation that saved nothing, such as a sum or x + 1, may be walked back twice; others need retain_graph=True for that.",
    knownModes: "no_grad() only stops recording; model.eval() changes layers such as dropout and batch norm; neither does the other's work.",
    knownSweeps: "One backward pass gives the derivatives of one output by all inputs; m outputs take m of them. Forward mode takes one pass for each input. Both are exact to rounding.",
    knownMean: "Where a loss averages over samples (the default of most), so does the gradient; where it adds, the gradient is a sum.",
    knownData: "Change a leaf under torch.no_grad(): w -= lr * w.grad. Edits through .data escape the check that saved values are unchanged.",
    knownBias: "A bias is a parameter like any other: its gradient is the sum over all that it was added to. Without it, or kept at 0, a layer can only give 0 for 0.",
    knownShapes: "In x @ w the rows of w stand for features and its columns for neurons; nn.Linear stores the transpose (out, in) and computes x @ w.T + b. A gradient has the shape of its tensor.",
    knownScalar: "backward() starts from a single number; .sum() makes one, and changes nothing where there is one already. nn.MSELoss compares numbers (regression); classes take nn.CrossEntropyLoss.",
    knownNumpy: "x.numpy() refuses a tensor that requires a gradient; x.detach().numpy() gives its numbers, in the same memory: a write into them changes x. Every tensor is a torch.Tensor, with or without a gradient.",
    versionIs: "in-place version", shares: "parts", ofGradient: "gradient norm", unknown: "not kept", every: "all", hooked: "A hook of the program changed the gradient here.", ownBackward: "The program's own backward() computed this", noFormula: "No formula is written for this rule (it looks at the values, or is too long); it gave", complexNumbers: "complex numbers", byTable: "Which elements count is told by indices: these are they.", moreMessages: "more messages", byWhich: "derivative by", oneSided: "one-sided", twoSided: "two-sided",
    tablePick: "The operation picked elements. Each gets the gradients of all places where it was put; what was not picked gets 0.",
    tablePut: "The operation wrote elements into places. What was written gets the gradient of its place; what was overwritten gets 0.",
    tableLargest: "Each window passed on its largest element: that one gets the gradient of the window, the others get 0.",
    tableMean: "Each window was averaged: each of its elements gets an equal share of the window's gradient.",
    tableClass: "Only the score of the right class entered the loss: it gets minus its weight (1/n for a mean over n samples), the others get 0.",
    tableNear: "Each output was a weighted mean of elements near it: the gradient goes back with the same weights.",
  },
  zh: {
    title: "梯度是怎么来的", language: "English", call: "反向传播第", of: "/",
    explainCall: "如果现在调用 backward()", gradCall: "autograd.grad", line: "行",
    tabGraph: "计算图", tabStory: "文字说明", tabMethods: "四种方法", tabPaths: "路径", tabFindings: "提醒",
    tabTable: "表格", tabTraining: "训练过程", source: "程序", card: "选中的节点",
    search: "查找张量、运算或行号", only: "只看通向它的路径", all: "整张图",
    viewTensors: "张量", viewOperations: "运算", viewBoth: "两者", collapseAll: "全部折叠",
    expand: "展开", collapse: "折叠", fit: "适应窗口", first: "最前", previous: "后退", next: "前进",
    last: "最后", play: "播放", pause: "暂停", speed: "速度", step: "步", forwardPass: "前向",
    backwardPass: "反向", seedStep: "起点", arriveStep: "写入 .grad", memory: "为反向保存的数据",
    bytes: "字节", peak: "峰值", value: "值", gradient: "梯度", none: "无",
    leaf: "叶子张量", computed: "计算得到", constant: "常数", operation: "运算", output: "输出",
    partOf: "多个输出之一", madeBy: "由运算", inModule: "所在模块", inLoop: "循环,第",
    turn: "轮次", retains: "retain_grad:保留 .grad", requires: "收集梯度",
    notRequires: "梯度不会到这里", forwardTitle: "前向", arrivesTitle: "传入的梯度",
    sendsTitle: "传出的梯度", seedText: "种子:反向传播从这里开始。",
    oneWay: "只有一条消息传入。", sumOf: "共", messages: "条消息之和", from: "来自", to: "传给",
    noneArrives: "这次反向传播没有梯度到达这里。", localDerivative: "局部导数",
    historyTitle: ".grad 在每次调用中的变化", before: "之前", added: "累加", after: "之后",
    checkOk: "已核对:有限差分结果一致", checkBad: "有限差分结果不一致",
    checkDirection: "沿一个方向", relative: "相对误差",
    savedTitle: "为反向传播保存的值", kinkTitle: "位于折点", chosen: "取", outOf: ",可选",
    elements: "个元素", whyNone: "为什么 .grad 是 None?", elementRule: "每个元素", definedBy: "由下列等式定义", inRowsOf: "个数,每行", rowsOf: "行,每行", matricesOf: "个矩阵,形状",
    whyComputed: "它是计算得到的,不是叶子张量。梯度只是经过它,不会保留;在 backward() 之前调用 retain_grad() 才会保留。",
    whyConstant: "它不需要梯度:它是数据,或被 detach()、no_grad() 切断了联系。",
    whyLeaf: "它需要梯度,但没有任何反向传播到达它:输出不依赖它。",
    whyGrad: "autograd.grad 只返回梯度,不写入 .grad。",
    layout: "写成", asShape: "与张量同形状(PyTorch)", asRow: "行向量:雅可比矩阵,分子布局",
    summedNote: "这个输入沿某个轴被重复(广播),所以它的梯度要沿该轴求和,轴",
    reshaped: "数字不变,只是换了形状。",
    sliders: "换个值试试", slidersHint: "拖动滑块:计算图会在网页里重新计算。程序所作的选择(if、argmax、detach)保持原样。",
    reset: "还原", cannotReplay: "网页无法重新计算这张图,因为它用到",
    notKept: "部分数值没有保留", noScalars: "程序里没有可以调节的标量。",
    scale: "刻度", min: "最小", max: "最大", mean: "均值", norm: "范数", nan: "非数 (nan)",
    zeros: "零的个数", summaryOnly: "数值太多,只保留了概要。",
    hoverHint: "把鼠标移到数字上,看它从何而来。",
    method1: "手工求导", method2: "数值差分", method3: "符号求导", method4: "自动求导",
    handHint: "写出你求得的导数,变量", handCheck: "对照", handRight: "正确:两者都是",
    handWrong: "你的公式得到", handShould: "梯度是", handError: "无法把它读成公式,可用的变量有",
    numericHint: "步长太大,会偏离曲线;步长太小,会被舍入误差淹没。中间某处最好。",
    stepSize: "步长 h", estimate: "估计值", error: "误差", symbolicHint: "写成一个公式的导数",
    withoutSharing: "个运算(全部展开)", withSharing: "个运算(共享重复部分)",
    autoHint: "m 个输出对 n 个输入求导的代价", mode: "模式", sweeps: "这里需要的遍数",
    forwardMode: "前向模式", reverseMode: "反向模式(backward)", good: "适合",
    fewInputs: "输入少", fewOutputs: "输出少,例如一个损失", differences: "差分",
    perInput: "每个输入运行两次", pathsHint: "梯度等于从该张量到输出的所有路径上,局部导数乘积之和。",
    paths: "条路径", path: "条路径", product: "乘积", sum: "总和", tooManyPaths: "路径超过 500 条,不逐一列出。总数:",
    pathsScalar: "只对标量列出乘积;这张图含有更大的张量。", choose: "起点",
    noFindings: "没有需要提醒的地方。", error_: "错误", warning: "警告", note: "说明",
    tableHint: "这次反向传播的所有步骤。", thStep: "步", thNode: "节点", thCode: "代码",
    thForward: "前向值", thLocal: "局部导数", thIncoming: "传入梯度", thMessage: "传出消息",
    loss: "损失", gradNorms: "梯度范数", updateRatio: "更新量 / 参数", layers: "层",
    health: "值得注意", healthy: "没有哪一层的梯度消失、爆炸或从未到达。",
    heatStrip: "梯度范数:每行一个参数,每列一步", group: "组",
    operations: "个运算", moreTerms: "项", shape: "形状", type: "类型", times: "次",
    thickness: "边越粗,其上的消息越大。", tape: "步骤", noCode: "没有源代码。",
    keys: "按键:← → 单步,Home End,空格播放,/ 查找,G 图,T 表格,L 语言",
    left: "记录已满,其余未记录。", empty: "没有记录到需要梯度的运算。",
    noPass: "没有反向传播:这里显示前向计算后的图。",
    close: "关闭", minimap: "缩略图", zoomIn: "放大", zoomOut: "缩小", programError: "程序以错误结束",
    knownTitle: "值得知道",
    knownAscent: "梯度指向输出增长最快的方向;训练沿相反方向走:w -= lr · w.grad。",
    knownLeaf: "叶子张量不是由被记录的运算得到的:由程序直接创建、不需要梯度,或被 detach() 切断。只有需要梯度的叶子才在 .grad 里收集梯度;算出来的张量的梯度从不存入 .grad(不是“被清除”,而是从来没有),除非用 retain_grad()。",
    knownNodes: "在 autograd 的图里,节点是运算(grad_fn),边上传递的是梯度。“张量”“运算”“两者”显示的是同一张图。",
    knownAdds: "backward() 是往 .grad 上累加。optimizer.zero_grad() 把它设为 None,所以之后再写 x.grad.zero_() 会出错。",
    knownSaved: "没有保存数值的运算(如求和、x + 1)可以反向走两次;其他运算要用 retain_graph=True。",
    knownModes: "no_grad() 只是停止记录;model.eval() 改变 dropout、批归一化等层的行为;两者不能互相代替。",
    knownSweeps: "一次反向传播得到一个输出对所有输入的导数;m 个输出要 m 次。前向模式则每个输入一次。两者都精确到舍入误差。",
    knownMean: "损失对样本取平均(多数损失的默认)时,梯度也是平均;损失求和时,梯度是各样本之和。",
    knownData: "在 torch.no_grad() 里修改叶子:w -= lr * w.grad。通过 .data 的修改会绕过“保存的值未被改动”的检查。",
    knownBias: "偏置与其他参数一样:它的梯度是它加到的所有位置的梯度之和。去掉它或固定为 0,这一层对输入 0 只能输出 0。",
    knownShapes: "在 x @ w 中,w 的行对应特征,列对应神经元;nn.Linear 保存的是转置 (out, in),计算 x @ w.T + b。梯度与它的张量形状相同。",
    knownScalar: "backward() 从一个数出发;.sum() 得到一个数,本来就是一个数时不改变任何东西。nn.MSELoss 比较数值(回归);分类用 nn.CrossEntropyLoss。",
    knownNumpy: "需要梯度的张量不能直接 x.numpy();x.detach().numpy() 得到它的数值,并共享同一内存:写入会改变 x。无论是否需要梯度,类都是 torch.Tensor。",
    versionIs: "原地修改版本", shares: "部分", ofGradient: "梯度范数", unknown: "未保留", every: "全为", hooked: "这里的梯度被程序的钩子(hook)修改过。", ownBackward: "由程序自己的 backward() 算出", noFormula: "这条规则没有写成公式(它取决于数值,或者太长);结果是", complexNumbers: "复数", byTable: "由下标决定取哪些元素:", moreMessages: "条消息", byWhich: "对哪个变量求导", oneSided: "单侧", twoSided: "双侧",
    tablePick: "这个运算挑选元素:每个元素得到它被放到的所有位置的梯度之和,没被选中的得 0。",
    tablePut: "这个运算把元素写入某些位置:写入的元素得到该位置的梯度,被覆盖的得 0。",
    tableLargest: "每个窗口只传出最大的元素:它得到该窗口的梯度,其余的得 0。",
    tableMean: "每个窗口取平均:其中每个元素平分该窗口的梯度。",
    tableClass: "只有正确类别的得分进入损失:它得到负的权重(对 n 个样本取平均时为 1/n),其余的得 0。",
    tableNear: "每个输出是附近元素的加权平均:梯度按同样的权重传回。",
  },
};

T.lineText = (line) => (T.state.lang === "zh" ? `第 ${line} 行` : `line ${line}`);
T.stepText = (at, count) => (T.state.lang === "zh" ? `第 ${at}/${count} 步` : `Step ${at}/${count}`);
// A number as it was recorded, to the last bit.
T.raw = (value) => (Object.is(value, -0) ? "-0" : String(value));
T.word = (key) => T.WORDS[T.state.lang][key] ?? key;

// Elements are built from text nodes only: nothing in a document is ever read as HTML.
T.el = function (tag, attributes, ...children) {
  const svg = /^(svg|g|path|rect|line|circle|text|tspan|title|polyline|marker|defs)$/.test(tag) && attributes?.svg !== 0;
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false || key === "svg") continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") node.style.cssText = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(4).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
};

// New children; who works by keyboard stays where they were.
T.fill = function (host, ...children) {
  const path = [];
  let held = host.contains(document.activeElement) ? document.activeElement : host;
  for (; held !== host; held = held.parentNode) path.unshift([...held.parentNode.children].indexOf(held));
  host.replaceChildren(...children.flat(4).filter((c) => c !== null && c !== undefined && c !== false));
  if (path.length) path.reduce((node, k) => node?.children[k], host)?.focus({ preventScroll: true });
};

// Signs for buttons, drawn, since fonts lack them.
T.ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z", previous: "M11 3L4 8l7 5z", play: "M5 3l7 5-7 5z", pause: "M5 3v10M11 3v10", next: "M5 3l7 5-7 5z",
  last: "M3 3l7 5-7 5zM13 3v10",
};
T.icon = (name) => T.el("svg", { class: "icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, T.el("path", { d: T.ICONS[name] }));

// Operations whose elements are told by numbers, not by a rule with letters: the sentence for each.
T.byTable = Object.fromEntries(Object.entries({
  tablePick: "as_strided gather im2col index slice split unbind unfold max min topk sort",
  tablePut: "col2im copy_slices index_put scatter scatter_add scatter_reduce",
  tableLargest: "max_pool max_pick", tableMean: "avg_pool", tableClass: "nll_loss", tableNear: "resample",
}).flatMap(([key, ops]) => ops.split(" ").map((op) => [op, key])));
