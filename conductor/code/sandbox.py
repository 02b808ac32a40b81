"""
JavaScript in WebAssembly: QuickJS-NG, interpreted inside wasmtime.

The interpreter is a WebAssembly module (the guest of the package quickjs-rs), which can
touch nothing but its own memory and the few functions that it is given here: they know one
fixed time, zeros for chance, and no file. wasmtime counts each of its instructions (fuel)
and refuses memory beyond the limit, both exactly: the same source and input use the same
fuel and give the same answer, wherever and however often they are run.

A source is prepared once: the memory of an interpreter that has compiled it is kept, and
every run starts from a copy of it, so that no run sees another.
"""

import hashlib
import json
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import wasmtime
from wasmtime import Func, FuncType, Global, Memory, ValType

FUEL = 50_000_000  # WebAssembly instructions of one run: about 20 ms, a million plain steps
MEMORY = 32 * 1024 * 1024
PAGE = 64 * 1024
PREPARING_FUEL = 500_000_000
STACK = 3 * 512 * 1024  # of nested calls: some hundreds of JavaScript functions
MOST_TEXT = 64 * 1024
KEPT_SOURCES = 16
# What the interpreter writes before a function's body: the lines of a fault are counted anew.
LINES_BEFORE = 2

# Chance and clocks are taken away; a date without arguments is the `now` that is given.
PREPARE = """
delete Math.random; delete globalThis.performance; delete globalThis.Atomics;
delete globalThis.SharedArrayBuffer; delete globalThis.queueMicrotask;
globalThis.step = new Function(
    "contact", "fields", "entry", "now", "draw", '"use strict"; ' + SOURCE
);
globalThis.answer = (() => {
    const { step, JSON, Object, Number, TypeError } = globalThis;
    const kind = Object.prototype.toString;
    const show = (key, value) => {
        if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError("no number");
        if (typeof value === "function" || typeof value === "undefined" || typeof value === "symbol")
            throw new TypeError("no value");
        return value;
    };
    return (given) => {
        const result = step(given.contact, given.fields, given.entry, given.now, given.draw);
        if (result === null || kind.call(result) !== "[object Object]") return "null";
        return JSON.stringify(result, show);
    };
})();
"ready"
"""

Trampoline = Callable[..., Any]
Answer = dict[str, Any]


class OutOfFuelError(Exception):
    """A run that used all of its fuel."""


class ScriptError(Exception):
    """A script that failed: what it says, and in which line (0: not known)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Prepared:
    """The memory of an interpreter that has compiled a source, and its stack pointer."""

    memory: bytes
    stack_pointer: int


class Sandbox:
    """Runs scripts; `kept_in` is where the compiled interpreter is kept from start to start."""

    def __init__(self, kept_in: Path | None = None) -> None:
        self.engine = wasmtime.Engine(configuration())
        self.module = load_module(self.engine, kept_in)
        self.linker = wasmtime.Linker(self.engine)
        self.nanoseconds = 0
        self.running: Instance | None = None
        self.idle: Instance | None = None
        for module, name, takes, gives, does in self.imports():
            kind = FuncType([take() for take in takes], [give() for give in gives])
            self.linker.define_func(module, name, kind, does)
        self.prepared: OrderedDict[str, Prepared] = OrderedDict()

    def run(self, source: str, given: Answer, *, nanoseconds: int) -> tuple[str, int]:
        """
        Run a source with its input; return the text of its answer and the fuel it took.

        :raises ScriptError: if it does not compile, or throws.
        :raises OutOfFuelError: if it runs too long.
        """
        prepared = self.prepare(source)
        self.nanoseconds = nanoseconds
        # One that came to its end is as good as a new one, once its memory is written over.
        instance, self.idle = self.idle, None
        if instance is None or instance.size() > len(prepared.memory):
            instance = Instance(self)
        self.running = instance
        instance.restore(prepared)
        instance.store.set_fuel(FUEL)
        text = instance.evaluate(f"answer({json.dumps(given)})")
        fuel = FUEL - instance.store.get_fuel()
        self.idle = instance
        if len(text) > MOST_TEXT:
            raise ScriptError(f"it gives more than {MOST_TEXT:,} characters")
        return text, fuel

    def prepare(self, source: str) -> Prepared:
        """
        Return an interpreter's memory with the source compiled in it.

        :raises ScriptError: if it does not compile.
        """
        name = hashlib.sha256(source.encode()).hexdigest()
        if name not in self.prepared:
            self.nanoseconds = 0
            instance = Instance(self)
            instance.store.set_fuel(PREPARING_FUEL)
            instance.evaluate(PREPARE.replace("SOURCE", json.dumps(source)))
            self.prepared[name] = instance.snapshot()
            if len(self.prepared) > KEPT_SOURCES:
                self.prepared.popitem(last=False)
        self.prepared.move_to_end(name)
        return self.prepared[name]

    def imports(self) -> list[tuple[str, str, list[Any], list[Any], Trampoline]]:
        """Return all that the interpreter can call: (module, name, takes, gives, function)."""
        i32, i64 = ValType.i32, ValType.i64
        wasi, none = "wasi_snapshot_preview1", refuse
        return [
            (wasi, "clock_time_get", [i32, i64, i32], [i32], self.tell_time),
            (wasi, "random_get", [i32, i32], [i32], self.give_zeros),
            (wasi, "environ_sizes_get", [i32, i32], [i32], self.count_nothing),
            (wasi, "environ_get", [i32, i32], [i32], lambda *_: 0),
            (wasi, "fd_close", [i32], [i32], none),
            (wasi, "fd_fdstat_get", [i32, i32], [i32], none),
            (wasi, "fd_seek", [i32, i64, i32, i32], [i32], none),
            (wasi, "fd_write", [i32] * 4, [i32], none),
            (wasi, "proc_exit", [i32], [], leave),
            ("env", "host_interrupt", [], [i32], lambda: 0),
            ("env", "host_call", [i32] * 5, [i32], lambda *_: -1),
            ("env", "host_module_normalize", [i32] * 5, [i32], lambda *_: 0),
            ("env", "host_module_load", [i32] * 3, [i32], lambda *_: 0),
        ]

    def tell_time(self, _clock: int, _precision: int, where: int) -> int:
        """Write the one time there is."""
        self._write(struct.pack("<Q", self.nanoseconds), where)
        return 0

    def give_zeros(self, where: int, length: int) -> int:
        """Write zeros where chance was asked for."""
        self._write(bytes(length), where)
        return 0

    def count_nothing(self, count: int, size: int) -> int:
        """Say that the environment is empty."""
        self._write(bytes(4), count)
        self._write(bytes(4), size)
        return 0

    def _write(self, data: bytes, where: int) -> None:
        if self.running is not None:
            self.running.memory.write(self.running.store, data, where & 0xFFFFFFFF)


class Instance:
    """One interpreter and its memory."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.store = wasmtime.Store(sandbox.engine)
        self.store.set_limits(memory_size=MEMORY, instances=1, memories=1)
        self.store.set_fuel(PREPARING_FUEL)
        instance = sandbox.linker.instantiate(self.store, sandbox.module)
        self.exports = instance.exports(self.store)
        memory, stack_pointer = self.exports["memory"], self.exports["__stack_pointer"]
        assert isinstance(memory, Memory)  # noqa: S101 - the module's own
        assert isinstance(stack_pointer, Global)  # noqa: S101
        self.memory, self.stack_pointer = memory, stack_pointer
        sandbox.running = self

    def size(self) -> int:
        """Return how many bytes of memory it has; it cannot have fewer again."""
        return int(self.memory.data_len(self.store))

    def restore(self, prepared: Prepared) -> None:
        """Take up a state; only where the memory is not larger than the state's."""
        missing = len(prepared.memory) - self.size()
        if missing > 0:
            self.memory.grow(self.store, missing // PAGE)
        self.memory.write(self.store, prepared.memory, 0)
        self.stack_pointer.set_value(self.store, prepared.stack_pointer)

    def snapshot(self) -> Prepared:
        """Return all that an interpreter's state is."""
        memory = bytes(self.memory.read(self.store, 0, self.size()))
        return Prepared(memory, int(self.stack_pointer.value(self.store)))

    def call(self, name: str, *arguments: int) -> int:
        """Call an export of the interpreter."""
        function = self.exports[name]
        assert isinstance(function, Func)  # noqa: S101
        try:
            return int(function(self.store, *arguments) or 0)
        except wasmtime.Trap as trap:
            if trap.trap_code == wasmtime.TrapCode.OUT_OF_FUEL:
                raise OutOfFuelError from trap
            raise ScriptError("it calls too deep, or breaks the interpreter") from trap

    def evaluate(self, source: str) -> str:
        """
        Evaluate a script whose value is a text.

        :raises ScriptError: if it throws.
        :raises OutOfFuelError: if the fuel does not last.
        """
        data = source.encode("utf-8", "surrogatepass")
        here, out = self._place(data), self.call("qjs_alloc", 4)
        if self.call("eval_code", here, len(data), out):
            raise self._thrown(out)
        return self._text(self._handle(out)) or ""

    def _place(self, data: bytes) -> int:
        where = self.call("qjs_alloc", len(data))
        if not where:
            raise ScriptError("out of memory")
        self.memory.write(self.store, data, where)
        return where

    def _handle(self, where: int) -> int:
        return int(struct.unpack("<i", self.memory.read(self.store, where, where + 4))[0])

    def _text(self, handle: int) -> str | None:
        if self.call("get_string", handle):
            return None
        length = self.call("qjs_last_len")
        where = self.call("qjs_last_ptr") & 0xFFFFFFFF
        if length > MOST_TEXT * 4:
            raise ScriptError(f"it gives more than {MOST_TEXT:,} characters")
        return bytes(self.memory.read(self.store, where, where + length)).decode("utf-8", "replace")

    def _property(self, handle: int, name: str) -> str:
        data = name.encode()
        out = self.call("qjs_alloc", 4)
        if self.call("get_prop", handle, self._place(data), len(data), out):
            return ""
        return self._text(self._handle(out)) or ""

    def _thrown(self, out: int) -> ScriptError:
        """Return what was thrown, with the line of the source that it came from."""
        if self.call("last_exception", out):
            return ScriptError("it fails")
        thrown = self._handle(out)
        name, message = self._property(thrown, "name"), self._property(thrown, "message")
        said = ": ".join(filter(None, [name, message])) or "it throws"
        return ScriptError(said[:300], line_of(self._property(thrown, "stack")))


def line_of(stack: str) -> int:
    """Return the line of a source that a stack's first frame in it names, 0 for none."""
    for frame in stack.splitlines():
        _, found, place = frame.partition("<input>:")
        number = place.partition(":")[0].rstrip(")")
        if found and number.isdigit():
            return max(0, int(number) - LINES_BEFORE)
    return 0


def refuse(*_arguments: int) -> int:
    """Answer `bad file descriptor`."""
    return 8


def leave(_code: int) -> None:
    """Refuse to end the process."""
    raise ScriptError("it breaks the interpreter")


def configuration() -> wasmtime.Config:
    """Return how modules are compiled: fuel counted, nothing left to the machine."""
    made = wasmtime.Config()
    made.consume_fuel = True
    made.cranelift_nan_canonicalization = True
    made.wasm_threads = False
    made.wasm_relaxed_simd_deterministic = True
    made.max_wasm_stack = STACK
    # No more than what is used at most: the process has a limit of its address space.
    made.memory_reservation = MEMORY
    made.memory_guard_size = 0
    made.memory_reservation_for_growth = 0
    return made


def load_module(engine: wasmtime.Engine, kept_in: Path | None) -> wasmtime.Module:
    """Return the interpreter compiled for this machine, from the file of an earlier start."""
    guest = (files("quickjs_rs") / "_guest.wasm").read_bytes()
    if kept_in is None:
        return wasmtime.Module(engine, guest)
    kept = kept_in / f"quickjs-{hashlib.sha256(guest).hexdigest()[:16]}.cwasm"
    try:
        return wasmtime.Module.deserialize(engine, kept.read_bytes())
    except (OSError, wasmtime.WasmtimeError):
        # Not there yet, or of another version of wasmtime.
        made = wasmtime.Module(engine, guest)
    try:
        kept_in.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{id(made):x}")
        fresh.write_bytes(made.serialize())
        fresh.replace(kept)
    except OSError:
        return made
    return made
