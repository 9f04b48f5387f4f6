"""The service of `serving` in FastAPI and PyTorch: draws of the weights stacked, so that a layer is one `bmm`.

    python fastapi_peer.py FOLDER PORT MODE DIVISOR LARGEST LIMIT CONNECTIONS

MODE is `single`, each request by itself, or `gathered`, requests of at most 2 ms together, as elbo gathers them.
"""

import asyncio
import contextlib
import pathlib
import sys

import numpy
import orjson
import torch
import uvicorn
from fastapi import FastAPI, Request, Response
from safetensors.torch import load_file

FOLDER, PORT, MODE = sys.argv[1:4]
DIVISOR, LARGEST = map(float, sys.argv[4:6])
LIMIT = float(sys.argv[6])

#: A batch of so many requests waits no longer: the peer is told the number of clients, which elbo finds out.
CONNECTIONS = int(sys.argv[7])

#: Seconds that a request waits for others, and the most rows of a batch.
WAIT, MOST = 0.002, 256

FILES = sorted(pathlib.Path(FOLDER).glob("draw-*.safetensors"))


def stacked(name):
    """The weights of a layer, (draws, inputs, outputs), and its biases, (draws, 1, outputs)."""
    weights, biases = [], []
    for file in FILES:
        tensors = load_file(file)
        weights.append(tensors[f"{name}.weight"].T)
        biases.append(tensors[f"{name}.bias"].reshape(1, -1))
    return torch.stack(weights).contiguous(), torch.stack(biases).contiguous()


LAYERS = [stacked(name) for name in ("hidden.0", "hidden.1", "head")]
INPUTS = LAYERS[0][0].shape[1]


@torch.inference_mode()
def answers(rows):
    """Probabilities, the class and the uncertainties of an array of pixels (rows, inputs)."""
    x = torch.from_numpy(rows / numpy.float32(DIVISOR))
    x = x.expand(len(FILES), *x.shape)
    for index, (weight, bias) in enumerate(LAYERS):
        x = torch.baddbmm(bias, x, weight)
        if index + 1 < len(LAYERS):
            x = x.relu_()
    logarithms = x.double().log_softmax(-1)
    of_draws = logarithms.exp()
    mean = of_draws.mean(0)
    entropy = torch.special.entr(mean).sum(-1)
    aleatoric = -(of_draws * logarithms).sum(-1).mean(0)
    columns = [mean.tolist(), mean.argmax(-1).tolist(), entropy.tolist(), aleatoric.tolist()]
    names = ("probabilities", "class", "entropy", "aleatoric", "epistemic", "unknown")
    return [dict(zip(names, (p, c, e, a, max(e - a, 0.0), e > LIMIT))) for p, c, e, a in zip(*columns)]


async def gather(queue):
    """Answers requests in batches: of those that come within the time after the first, or while a batch is predicted."""
    loop = asyncio.get_running_loop()
    while True:
        batch = [await queue.get()]
        end = loop.time() + WAIT
        while sum(len(rows) for rows, _ in batch) < MOST:
            try:
                batch.append(await asyncio.wait_for(queue.get(), max(0.0, end - loop.time())) if queue.empty() else queue.get_nowait())
            except TimeoutError:
                break
            if len(batch) >= CONNECTIONS:
                break
        try:
            found = await loop.run_in_executor(None, answers, numpy.concatenate([rows for rows, _ in batch]))
        except Exception as error:
            for _, answer in batch:
                answer.set_exception(error)
            continue
        for rows, answer in batch:
            answer.set_result(found[: len(rows)])
            found = found[len(rows) :]


@contextlib.asynccontextmanager
async def life(app):
    app.state.queue = asyncio.Queue()
    gathering = asyncio.create_task(gather(app.state.queue)) if MODE == "gathered" else None
    yield
    if gathering:
        gathering.cancel()


app = FastAPI(lifespan=life)


def refused(message):
    return Response(orjson.dumps({"error": message}), status_code=422, media_type="application/json")


@app.post("/predict")
async def predict(request: Request):
    try:
        rows = numpy.asarray(orjson.loads(await request.body())["rows"], dtype=numpy.float32)
    except (ValueError, KeyError, TypeError) as error:
        return refused(str(error))
    if rows.ndim != 2 or rows.shape[1] != INPUTS or not ((rows >= 0) & (rows <= LARGEST)).all():
        return refused(f"expected rows of {INPUTS} numbers from 0 to {LARGEST}")
    if MODE == "gathered":
        answer = asyncio.get_running_loop().create_future()
        app.state.queue.put_nowait((rows, answer))
        found = await answer
    else:
        found = answers(rows)
    return Response(orjson.dumps({"answers": found}), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", access_log=False)
