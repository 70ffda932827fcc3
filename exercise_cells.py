"""Inserts the exercises of the new kinds into a notebook, before its take-away, with their outputs; run once a notebook.

python exercise_cells.py 02 03
"""

import re
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, "tests")
import test_reading_time as reading

NEW = {
    "0.4": (
        """**Exercise 0.4. Read a card.** A card of this course has three conditions for a claim. Two came out true and the third did not, so the verdict is *depends*. What may you say?

- **a** The claim is false, since it has a counterexample.
- **b** The claim is true by two to one.
- **c** The claim is right where the first two conditions were tried, and wrong where the third was.
- **d** Nothing yet: with more seeds all three would agree.""",
        'answer_0_4 = ...  # "a", "b", "c" or "d"',
        """**c.** A condition is a case in which the claim was tried: a kind of weights, a depth, a rate. The card lists them with their outcomes, so that whoever meets the claim again can ask which case is theirs.""",
        'solution("0.4", "c")',
    ),
    "1.7": (
        """**Exercise 1.7. State the condition.** Leaky ReLU is $z$ above 0 and $0.1\\,z$ below. Which numbers $g$ are subgradients at its corner? Write a function of $g$ that is true for those.""",
        "answer_1_7 = ...  # e.g. lambda g: ...",
        """The line $g z$ must lie on or below the curve: $g \\le 1$ on the right, and on the left, where $z$ is below 0, $g z \\le 0.1 z$, which is $g \\ge 0.1$. So the subgradients are the slopes between those of the two sides, both included.""",
        'solution("1.7", lambda g: (g >= 0.1) & (g <= 1))',
    ),
    "1.8": (
        """**Exercise 1.8. State the condition.** "A ReLU is a ladder of sigmoids" (section 1.5) is true up to a gap and up to a height. How many sigmoids does it take to come within `gap` of ReLU, up to about $z$ = `reach`? Write a function of (`gap`, `reach`); fractions are no matter.""",
        "answer_1_8 = ...  # e.g. lambda gap, reach: ...",
        """The gap is $\\ln 2/k$ with $k$ sigmoids to the unit, so $k = \\ln 2/$gap; up to the reach there are reach · $k$ of them. The sentence needs two numbers beside it, and no finite ladder does without the second.""",
        'solution("1.8", lambda gap, reach: reach * math.log(2) / gap)',
    ),
    "2.8": (
        """**Exercise 2.8. Find the flaw.** "The sigmoid never loses a unit. I drew a million $z$ from a Gaussian of scale 1, 2 and 4 in `float64`, and counted the units whose slope is exactly 0. Sigmoid: none, three times. ReLU: one half, three times." What is the mistake?

- **a** A million draws are too few to see so small a share.
- **b** It is one seed; with five the two counts might change places.
- **c** ReLU's half is wrong: at scale 4 more of its units are off.
- **d** The line is drawn at exactly 0. A little higher the count is another.""",
        'answer_2_8 = ...  # "a", "b", "c" or "d"',
        """**d.** Below 0.01 nothing much comes through either, and at scale 4 a quarter of the sigmoid's units are there (the second cell of section 2.1). Who asks for exactly 0 gets the answer that the sigmoid's formula allows, at any scale that is not huge. The line of 0.01 is a choice, too; so name it.""",
        'solution("2.8", "d")',
    ),
    "2.9": (
        """**Exercise 2.9. State the condition.** "ReLU loses more units than the sigmoid" is true of some layers and false of others. Of which? Let $z$ be Gaussian with scale $s$ and mean $m$. Write a function of $(s, m)$ that is true where ReLU loses more.""",
        "answer_2_9 = ...  # e.g. lambda s, m: ...",
        """ReLU loses $P(z<0)$, the sigmoid $P(|z|>4.585)$; `saturation.gaussian_share` has both. At mean 0 ReLU loses more up to scale 6.80 (exercise 2.5). A mean above 0 helps ReLU and hurts the sigmoid; one below 0 does the opposite to ReLU. So neither "scale" nor "mean" alone is the condition.""",
        """def relu_loses_more(s, m):
    return saturation.gaussian_share("relu", s, m) > saturation.gaussian_share("sigmoid", s, m)


solution("2.9", relu_loses_more)
crossing = 2 * math.acosh(5) / 0.6745
print(f"at mean 0 they change places at scale {crossing:.2f}")""",
        "at mean 0 they change places at scale 6.80",
    ),
    "3.7": (
        """**Exercise 3.7. Design the experiment.** Section 3.8 says that in a ReLU network at init it is not the depth by itself that makes single gradients stray, but depth over width. Put together an experiment that could show this false, one option for each part:

- `arms`: `"depth"` (10, 20, 40 layers of 64 units), `"width"` (20 layers of 32, 64, 128 units), `"both"` (all nine pairs of three depths and three widths)
- `gain`: `"he"`, `"pytorch"` (its default), `"tuned"` (the best for each depth)
- `measure`: `"mean"` (of the gradient's square over networks), `"spread"` (of its logarithm over networks), `"accuracy"` (after training)
- `budget`: `"one"` (network in each arm), `"images"` (one network, a thousand images), `"networks"` (many in each arm, each with weights of its own)""",
        "answer_3_7 = dict(arms=..., gain=..., measure=..., budget=...)",
        """Both: with one of the two alone, the ratio moves together with it, and nothing can be told apart; with nine pairs some have the same ratio at other depths. He's gain, so that the mean square stays level and depth has no other door. The spread of the logarithm over many networks, since the mean is level by design and what strays is the single network.""",
        'solution("3.7", dict(arms="both", gain="he", measure="spread", budget="networks"))',
    ),
    "3.8": (
        """**Exercise 3.8. State the condition.** "A ReLU network's gradient does not vanish." Call it vanished when less than a tenth of dL/dz is left. From which gain on has it not vanished after $d$ steps from layer to layer, by the theory of wide layers? Write a function of $d$.""",
        "answer_3_8 = ...  # e.g. lambda d: ...",
        """A step multiplies by $g/\\sqrt2$. After $d$ steps $(g/\\sqrt2)^d$ is left, and that is at least a tenth for $g \\ge \\sqrt2\\cdot 10^{-1/d}$. At five steps 0.89 will do; at a hundred it takes 1.38, and the deeper the network the nearer to He's √2. The claim holds under a condition on the weights, and the depth decides how strict it is.""",
        """def least(d):
    return 2**0.5 * 0.1 ** (1 / d)


solution("3.8", least)
print(f"5 steps: {least(5):.2f}; 100 steps: {least(100):.2f}")""",
        "5 steps: 0.89; 100 steps: 1.38",
    ),
    "4.7": (
        """**Exercise 4.7. Design the experiment.** Do the zeros themselves change the accuracy of a network, or only the means that bring them about? One option for each part:

- `arms`: `"penalty"` (without and with an L1 penalty), `"penalty and forced"` (an L1 penalty, and zeros forced by keeping the largest, at the same share of zeros), `"relu and sigmoid"`
- `rates`: `"one for all"`, `"each on test"`, `"each on held-out"` (tuned for each arm on images held back from training)
- `axis`: `"strength"` (of the penalty), `"zeros"` (their share), `"dead"` (the share of dead units)
- `seeds`: `"one"`, `"best of five"`, `"five, paired"`""",
        "answer_4_7 = dict(arms=..., rates=..., axis=..., seeds=...)",
        """Two ways to the same share of zeros, compared at that share: if the two differ, it is not the zeros that do it. A penalty alone also makes activations small. The rate is each arm's own, chosen on images that do not count; the axis is what the question asks about; and five paired seeds show what luck does.""",
        'solution("4.7", dict(arms="penalty and forced", rates="each on held-out", axis="zeros", seeds="five, paired"))',
    ),
    "4.8": (
        """**Exercise 4.8. Find the flaw.** "I set 95 % of a matrix of activations to 0 at random and brought it into CSR form. Then I started the clock: the product took a fraction of the dense time. So a ReLU network runs faster with sparse products." What is the mistake?

- **a** Zeros at random are harder on CSR than those of a network.
- **b** The conversion, which each batch needs anew, was not timed, and no ReLU network came with 95 % zeros.
- **c** CSR is made for weights, and activations cannot be stored so.
- **d** The dense product should have been made in another floating-point type.""",
        'answer_4_8 = ...  # "a", "b", "c" or "d"',
        """**b.** Weights can be converted once, activations change with every image. And at init half of the activations are zero, far on the wrong side of the break-even of section 4.7; it takes a penalty or force to get beyond it.""",
        'solution("4.8", "b")',
    ),
    "5.7": (
        """**Exercise 5.7. Find the flaw.** "On a batch of 128 images 40 % of a layer's ReLU units gave 0: so many are dead. With leaky ReLU not one gave 0: the cure works." What is the mistake?

- **a** A leaky unit can give 0 as well, and a finer count would find some.
- **b** 128 images are too few; with more the argument stands.
- **c** Off on a batch is not dead; and a leaky unit gives 0 by its formula for no $z$ but 0, so that the second count could not have come out otherwise.
- **d** 40 % is too many for any network; the code must be wrong.""",
        'answer_5_7 = ...  # "a", "b", "c" or "d"',
        """**c.** A unit is dead when it is off for the whole training set. And a measurement that could not have come out otherwise shows nothing: leaky ReLU takes the *symptom* away by definition. Whether anything ails the network, and is better for it, must be asked of something that both arms could lose, such as the accuracy.""",
        'solution("5.7", "c")',
    ),
    "5.8": (
        """**Exercise 5.8. State the condition.** "With a leaky ReLU the gradient gets through." A path leads through $k$ leaky units, one in each layer, all of them off; leave the weights aside. From which slope $a$ on is at least a hundredth of the gradient left? Write a function of $k$.""",
        "answer_5_8 = ...  # e.g. lambda k: ...",
        """Each unit multiplies by $a$, so $a^k \\ge 0.01$ and $a \\ge 0.01^{1/k}$. One unit may have the usual slope of 0.01; for two it takes 0.1, for ten 0.63. (Real paths have units that are on as well, and there are many paths.)""",
        """def least(k):
    return 0.01 ** (1 / k)


solution("5.8", least)
print(f"2 units: {least(2):.2f}; 10 units: {least(10):.2f}")""",
        "2 units: 0.10; 10 units: 0.63",
    ),
    "6.7": (
        """**Exercise 6.7. Design the experiment.** In a deep ReLU network with batch norm the lower layers get larger gradients than the upper ones, and so larger steps. Is it the unequal *steps* that do the harm? One option for each part:

- `arms`: `"relu and sigmoid"` (both with batch norm), `"with and without"` (ReLU with batch norm and without), `"as it is and levelled"` (ReLU with batch norm; the same with each layer's step brought to one size)
- `depth`: `"3"` or `"30"`
- `rates`: `"one for all"`, `"each on held-out"`, `"each on test"`
- `measure`: `"gradient"` (its size by layer), `"loss"` (after stated steps, over five seeds), `"best seed"` (its accuracy)""",
        "answer_6_7 = dict(arms=..., depth=..., rates=..., measure=...)",
        """The two arms must differ in the steps and in nothing else: as it is and levelled, thirty layers deep, where the growth has room. Levelled steps are steps of another size, so each arm needs a rate of its own, chosen on images that do not count. And since levelling makes the sizes equal by construction, only learning can tell. If the levelled arm does no better, it was not the steps.""",
        'solution("6.7", dict(arms="as it is and levelled", depth="30", rates="each on held-out", measure="loss"))',
    ),
    "6.8": (
        """**Exercise 6.8. Find the flaw.** "In our small networks three points between two arms are within the spread of the seeds, so we call them close. On ImageNet the paper's sigmoid lies three points behind a network with ReLU. So that is close, too." What is the mistake?

- **a** Close is measured against what chance would do, and on ImageNet the seeds of one arm differ by far less than three points.
- **b** The paper has fewer seeds than we have.
- **c** A point of accuracy means something else on another data set.
- **d** The networks of the paper are deeper than ours.""",
        'answer_6_8 = ...  # "a", "b", "c" or "d"',
        """**a.** Section 6.8 takes another yardstick for that reason, what batch norm brought ReLU there. A card that says *close* must name its own.""",
        'solution("6.8", "a")',
    ),
    "7.7": (
        """**Exercise 7.7. Find the flaw.** "ReLU beats the sigmoid. We tried seven rates for ReLU and kept the one with the best test accuracy; the sigmoid ran at the same rate. Each had the gain that suits it, five seeds, mean and spread reported." What is the mistake?

- **a** Five seeds are too few to tell anything.
- **b** Seven rates are too few.
- **c** The two should have had the same gain.
- **d** The rate was chosen for ReLU alone, and on the test images.""",
        'answer_7_7 = ...  # "a", "b", "c" or "d"',
        """**d.** One arm is tuned and the other is not; and what is chosen on the test images has seen them. Each arm chooses its own rate, on images held back from training, and the best rate must lie inside the grid.""",
        'solution("7.7", "d")',
    ),
    "7.8": (
        """**Exercise 7.8. Design the experiment.** Which of four activations is soonest at a loss of 0.7, at a depth of six? One option for each part:

- `rates`: `"one for all"`, `"each on held-out"` (tuned for each arm on images held back from training), `"each on test"`
- `init`: `"pytorch"` (its default for all), `"he"` (for all), `"each its own"` (the gain that theory names for it)
- `finish`: `"arrived"` (mean steps of those who arrive), `"median"` (over all seeds, never counted as slowest), `"best"` (the best seed)
- `order` of the batches: `"shared by arms"` (each seed its own, the arms of a seed the same), `"one for all seeds"`, `"new for each"` (network)""",
        "answer_7_8 = dict(rates=..., init=..., finish=..., order=...)",
        """Each arm at its best, chosen where it does not count: its own rate on held-out images, its own gain. Failures are results; a median that takes *never* for the slowest keeps them. Shared batches make pairs that differ in the activation alone, and another order for each seed lets its chance be seen.""",
        'solution("7.8", dict(rates="each on held-out", init="each its own", finish="median", order="shared by arms"))',
    ),
    "8.6": (
        """**Exercise 8.6. Find the flaw.** "On a million numbers, by turns, in processor time, tanh takes three times as long as ReLU. So training with tanh takes three times as long." What is the mistake?

- **a** What is true of the activation by itself is carried over to a whole step, most of which is matrix products.
- **b** A million numbers are too few to time.
- **c** It should have been timed on a GPU.
- **d** The two were given the same numbers, which suit ReLU.""",
        'answer_8_6 = ...  # "a", "b", "c" or "d"',
        """**a.** If the activation is a share $p$ of a step with ReLU, a step with one three times as dear takes $1 + 2p$ of the time: with $p$ = 5 %, a tenth more. Exercise 8.2 says how small $p$ gets in wide layers.""",
        'solution("8.6", "a")',
    ),
    "8.7": (
        """**Exercise 8.7. Design the experiment.** How much longer does a step with GELU take than one with ReLU, on a machine on which other programs come and go? One option for each part:

- `order`: `"one after the other"` (all rounds of ReLU, then all of GELU), `"by turns"`
- `clock`: `"wall"`, `"processor"` (the time that this program had)
- `summary` of the rounds: `"first"`, `"mean"`, `"least"`
- `threads`: `"one"`, `"all"` (that the machine has)""",
        "answer_8_7 = dict(order=..., clock=..., summary=..., threads=...)",
        """By turns, so that a drift meets both. Processor time, so that the work of others is not counted. The least of the rounds, since a disturbance only adds. One thread, since how work is shared out depends on who else is running. (The price: it says nothing about many threads.)""",
        'solution("8.7", dict(order="by turns", clock="processor", summary="least", threads="one"))',
    ),
    "9.5": (
        """**Exercise 9.5. State the condition.** "ReLU's gradient does not vanish" (C18) is true of some networks. Rewrite it so that it holds as it stands, for plain stacks, one option for each part; take the widest that is true.

- `gradient`: `"any"` or `"dL/dz"`
- `weights`: `"any"`, `"xavier"`, `"he"`
- `layers`: `"any"` (width) or `"wide"`
- `when`: `"always"` or `"at init"`""",
        "answer_9_5 = dict(gradient=..., weights=..., layers=..., when=...)",
        """In wide layers, at He's init, the size of dL/dz stays level from layer to layer. Each word was found to matter: dL/dW has $h$ in it; at PyTorch's default the factor is 0.41; narrow deep networks stray; and of training nothing follows from a statement about the start.""",
        'solution("9.5", dict(gradient="dL/dz", weights="he", layers="wide", when="at init"))',
    ),
    "9.6": (
        """**Exercise 9.6. Find the flaw.** "Not every claim of the thread holds. Those that do not hold are wrong." What is the mistake?

- **a** The verdicts are opinions, and others may have other ones.
- **b** A claim that *depends* is right where its condition is met, and wrong elsewhere.
- **c** Some claims could only be looked up, and count as wrong here.
- **d** With more seeds those claims would turn out to be right.""",
        'answer_9_6 = ...  # "a", "b", "c" or "d"',
        """**b.** Many sentences of the thread leave a condition out: the weights, the depth, the layer's width, the time. With the condition they are true, and useful. That is most of what this course found.""",
        'solution("9.6", "b")',
    ),
}
FOLDED = {
    "cellView": "form",
    "collapsed": True,
    "jupyter": {"outputs_hidden": True, "source_hidden": True},
    "tags": ["solution"],
}


# number: (the right letter as it was, as it shall be); the two options change places
SWAPS = {"4.1": "bd", "6.1": "ca", "7.2": "ca", "7.5": "bd", "9.1": "cb"}


# What a question is missing.
TEXTS = {
    "6.6": (
        "is the square of the mean, the same for every image?",
        "is the square of the mean, the same for every image? (`theory.moments(name).square` gives the mean square of an activation at such a $z$.)",
    ),
    "7.2": ("answer_7_2 = ...\n", 'answer_7_2 = ...  # "a", "b" or "c"\n'),
}


def swap(book, number):
    """The options of one question change places: in its text, its solution, its check and its tests."""
    old, new = SWAPS[number]
    name = f"{int(number[0]):02d}"
    ask = next(c for c in book.cells if re.search(rf"first \({number}\)|Exercise {number}\b", c.source))
    lines = {x: re.search(rf"(?m)^- \*\*{x}\*\* (.*)$", ask.source) for x in (old, new)}
    if all(lines.values()):
        texts = {x: hit[1] for x, hit in lines.items()}
        for x, y in ((old, new), (new, old)):
            ask.source = ask.source.replace(f"- **{x}** {texts[x]}", f"- **{x}** @@{y}")
        for x in (old, new):
            ask.source = ask.source.replace(f"@@{x}", texts[x])
    else:
        inline = {x: re.search(rf"\({x}\) ([^,(]+),", ask.source)[1] for x in (old, new)}
        for x, y in ((old, new), (new, old)):
            ask.source = ask.source.replace(f"({x}) {inline[x]},", f"({x}) @@{y},")
        for x in (old, new):
            ask.source = ask.source.replace(f"@@{x}", inline[x])
    at = next(i for i, c in enumerate(book.cells) if f'solution("{number}"' in c.source)
    code, words = book.cells[at], book.cells[at - 1]
    assert "Worked solution" in words.source, number
    code.source = code.source.replace(f'solution("{number}", "{old}")', f'solution("{number}", "{new}")')
    code.source = code.source.replace(f'give {old}"', f'give {new}"')
    head, tail = words.source.split("</summary>", 1)
    tail = tail.replace(f"**{old}.**", f"**{new}.**", 1) if f"**{old}.**" in tail else tail
    tail = tail.replace(f"**{old}**", f"**{new}**", 1) if f"**{old}**" in tail[:12] else tail
    tail = tail.replace(f"({old}).", f"({new}).", 1) if f"({old})." in tail[:12] else tail
    words.source = f"{head}</summary>{tail}"
    checks = Path(f"course_utils/exercises/nb{name}.py")
    text = checks.read_text("utf-8")
    start = text.index(f'"{number}": Exercise(')
    end = text.index("\n    ),\n", start)
    block = text[start:end].replace(f'            {new}="', f'            {old}="')
    checks.write_text(text[:start] + block + text[end:], "utf-8")
    tests = Path(f"tests/test_nb{name}.py")
    text = tests.read_text("utf-8")
    for quote in (f"{old}", f"({old.upper()})", f" ({old.upper()}) ", f"({old})"):
        text = text.replace(
            f'("{number}", "{quote}")',
            f'("{number}", "{quote.replace(old, new).replace(old.upper(), new.upper())}")',
        )
    text = text.replace(f'("{number}", "{new}", ', f'("{number}", "{old}", ')
    tests.write_text(text, "utf-8")


def printed(text):
    return [nbformat.v4.new_output("stream", name="stdout", text=text + "\n")]


def main(names):
    for name in names:
        (path,) = Path("notebooks").glob(f"{name}_*.ipynb")
        book = nbformat.read(path, as_version=4)
        chosen = {n: new for n, new in NEW.items() if n.split(".")[0] == str(int(name))}
        if any(f'check("{n}"' in cell.source for n in chosen for cell in book.cells):
            print(f"{path.name}: already there")
            continue
        sections = [
            int(hit)
            for cell in book.cells
            if cell.cell_type == "markdown"
            for hit in re.findall(rf"(?m)^## {int(name)}\.(\d+) ", cell.source)
        ]
        for number, (old, new) in TEXTS.items():
            if int(number[0]) == int(name):
                cell = next(c for c in book.cells if old in c.source)
                cell.source = cell.source.replace(old, new)
        for number in SWAPS:
            if int(number[0]) == int(name):
                swap(book, number)
        at = next(i for i, cell in enumerate(book.cells) if re.search(r"(?m)^## Take away", cell.source))
        cells = []
        for n, (question, blank, words, code, *more) in chosen.items():
            mark = f"nb{name}-x{n.replace('.', '')}"
            if not cells:
                place = f"{int(name)}.{max(sections) + 1} " if sections else ""
                question = f"## {place}Judge for yourself\n\n{question}"
            answer = f'{blank}\ncheck("{n}", {blank.split(" = ")[0]})'
            folded = f"<details><summary>Worked solution</summary>\n\n{words}\n\n</details>"
            passed = f"{n}: the worked solution passes its check"
            cells += [
                nbformat.v4.new_markdown_cell(question, id=f"{mark}q"),
                nbformat.v4.new_code_cell(answer, id=f"{mark}a", outputs=printed(f"{n}: not answered yet")),
                nbformat.v4.new_markdown_cell(folded, id=f"{mark}w"),
                nbformat.v4.new_code_cell(
                    f"# The worked solution as code: unfold to read.\n{code}",
                    id=f"{mark}s",
                    metadata=FOLDED,
                    outputs=printed("\n".join([passed, *more])),
                ),
            ]
        book.cells[at:at] = cells
        count = 0
        for cell in book.cells:
            if cell.cell_type == "code":
                count += 1
                cell.execution_count = count
                for out in cell.outputs:
                    if "execution_count" in out:
                        out.execution_count = count
        takes = 5 * round(reading.minutes(book) / 5)
        book.cells[0].source = re.sub(
            r"about \d+ minutes with", f"about {takes} minutes with", book.cells[0].source
        )
        nbformat.write(book, path)
        print(f"{path.name}: {', '.join(chosen)}")
        checks = Path(f"course_utils/exercises/nb{name}.py")
        if "EXERCISES |= NEW" not in checks.read_text("utf-8"):
            checks.write_text(checks.read_text("utf-8") + "EXERCISES |= NEW\n", "utf-8")


main(sys.argv[1:])
