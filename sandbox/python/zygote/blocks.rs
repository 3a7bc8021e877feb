//! Places for what is too large for Python's own allocator, which leaves it to the system's: types,
//! tables of dictionaries, most code. Nothing else of what the system's allocator serves comes here,
//! because others write to theirs without the interpreter's lock.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::Relaxed};

use crate::{PAGE, conductor_empty, conductor_holds, original, python_function, take};

/// Python serves objects up to this size by itself.
const SMALL: usize = 512;
/// Blocks have sizes in steps of 64 bytes; what is larger than the largest is rare.
const STEP: usize = 64;
const LARGEST: usize = 32 << 10;
const CLASSES: usize = LARGEST / STEP + 1;
const CHUNK: usize = 1 << 20;
/// Before each block stands how many steps it has.
const HEAD: usize = 16;

/// `PyMemAllocatorDomain`.
const RAW: c_int = 0;
const MEM: c_int = 1;
const OBJ: c_int = 2;

/// `PyMemAllocatorEx`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Allocator {
    context: *mut c_void,
    malloc: extern "C" fn(*mut c_void, usize) -> *mut c_void,
    calloc: extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
    realloc: extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    free: extern "C" fn(*mut c_void, *mut c_void),
}

unsafe extern "C" {
    fn malloc_usable_size(place: *mut c_void) -> usize;
    fn pthread_self() -> usize;
}

type SetAllocator = unsafe extern "C" fn(c_int, *const Allocator);

/// How Python is told of allocators.
pub struct Functions {
    get: unsafe extern "C" fn(c_int, *mut Allocator),
    set: SetAllocator,
}

impl Functions {
    pub fn find() -> Option<Self> {
        let get = python_function(c"PyMem_GetAllocator")?;
        let set = python_function(c"PyMem_SetAllocator")?;
        // SAFETY: the signatures that Python documents.
        unsafe {
            Some(Self {
                get: mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, *mut Allocator)>(
                    get,
                ),
                set: mem::transmute::<*mut c_void, SetAllocator>(set),
            })
        }
    }
}

/// What served a domain before.
struct Before(UnsafeCell<MaybeUninit<Allocator>>);

// SAFETY: written once, by `begin`, before anybody reads it.
unsafe impl Sync for Before {}

impl Before {
    const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    fn get(&self) -> Allocator {
        // SAFETY: `begin` has written it, and is the only one who calls what reads it.
        unsafe { (*self.0.get()).assume_init() }
    }
}

static BEFORE_RAW: Before = Before::new();
static BEFORE_MEM: Before = Before::new();
static BEFORE_OBJ: Before = Before::new();

/// No table: a look beyond its end would need Rust's panics, and what they need.
fn before(domain: c_int) -> &'static Before {
    match domain {
        RAW => &BEFORE_RAW,
        MEM => &BEFORE_MEM,
        _ => &BEFORE_OBJ,
    }
}

/// The thread in which Python itself asks: it has the interpreter's lock. Others, and libraries, ask
/// the system's allocator through Python.
static ASKED_BY: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicBool = AtomicBool::new(false);
static FREE: [AtomicPtr<u8>; CLASSES] = [const { AtomicPtr::new(ptr::null_mut()) }; CLASSES];
/// What is left of the last chunk.
static CHUNK_START: AtomicUsize = AtomicUsize::new(0);
static CHUNK_LEFT: AtomicUsize = AtomicUsize::new(0);

/// From here on large objects lie in the range.
pub fn begin(functions: Functions) {
    for domain in [RAW, MEM, OBJ] {
        // SAFETY: room for what is written, with the interpreter's lock held; the functions set live
        // as long as the process, and pass on what they do not serve, as Python asks of them.
        unsafe {
            let before = before(domain).0.get();
            (functions.get)(domain, (*before).as_mut_ptr());
            (functions.set)(domain, &hooks(domain));
        }
    }
}

fn hooks(domain: c_int) -> Allocator {
    let context = ptr::without_provenance_mut(domain as usize);
    if domain == RAW {
        return Allocator {
            context,
            malloc: raw_malloc,
            calloc: raw_calloc,
            realloc: raw_realloc,
            free: raw_free,
        };
    }
    Allocator {
        context,
        malloc: python_malloc,
        calloc: python_calloc,
        realloc: python_realloc,
        free: python_free,
    }
}

/// New objects lie elsewhere from here on; those that are here stay known.
pub fn end() {
    let functions = if ENDED.swap(true, Relaxed) {
        None
    } else {
        Functions::find()
    };
    let Some(functions) = functions else {
        return;
    };
    for domain in [MEM, OBJ] {
        // SAFETY: what was there before, with the interpreter's lock held.
        unsafe { (functions.set)(domain, &before(domain).get()) };
    }
    for (steps, free) in FREE.iter().enumerate() {
        let mut block = free.load(Relaxed);
        while !block.is_null() {
            let first = (block as usize + size_of::<usize>()).next_multiple_of(PAGE);
            let last = (block as usize - HEAD + steps * STEP) / PAGE * PAGE;
            // SAFETY: nobody needs what is in a free block but its first word.
            unsafe {
                if last > first {
                    conductor_empty(ptr::without_provenance_mut(first), last - first);
                }
                block = block.cast::<*mut u8>().read();
            }
        }
    }
}

// --- The system's allocator, as Python and libraries ask for it ---

fn raw() -> Allocator {
    before(RAW).get()
}

extern "C" fn raw_malloc(_: *mut c_void, size: usize) -> *mut c_void {
    match block_for(size) {
        Some(block) => block.cast(),
        None => (raw().malloc)(raw().context, size),
    }
}

extern "C" fn raw_calloc(_: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size).and_then(block_for) {
        Some(block) => {
            // SAFETY: the block has so many bytes.
            unsafe { block.write_bytes(0, count * size) };
            block.cast()
        }
        None => (raw().calloc)(raw().context, count, size),
    }
}

extern "C" fn raw_realloc(_: *mut c_void, place: *mut c_void, size: usize) -> *mut c_void {
    let raw = raw();
    // SAFETY: Python gives what it had from here or from before, and uses it no longer.
    unsafe {
        let is_block = conductor_holds(place);
        let room = match (is_block, place.is_null()) {
            (true, _) => room_of(place.cast()),
            (false, true) => 0,
            (false, false) => malloc_usable_size(place),
        };
        if is_block && size <= room && size > room / 2 {
            return place;
        }
        let other = match block_for(size) {
            Some(block) => block.cast(),
            None if is_block => (raw.malloc)(raw.context, size),
            None => return (raw.realloc)(raw.context, place, size),
        };
        if !other.is_null() && !place.is_null() {
            ptr::copy_nonoverlapping::<u8>(place.cast(), other.cast(), room.min(size));
            raw_free(ptr::null_mut(), place);
        }
        other
    }
}

extern "C" fn raw_free(_: *mut c_void, place: *mut c_void) {
    if conductor_holds(place) {
        // SAFETY: a block that nobody uses any longer.
        unsafe { release(place.cast()) };
    } else {
        (raw().free)(raw().context, place);
    }
}

// --- Python's own domains: they ask the system's allocator in the end, and say so ---

fn asking<T>(ask: impl FnOnce() -> T) -> T {
    // SAFETY: it takes nothing.
    let before = ASKED_BY.swap(unsafe { pthread_self() }, Relaxed);
    let answer = ask();
    ASKED_BY.store(before, Relaxed);
    answer
}

fn python(context: *mut c_void) -> Allocator {
    before(context as usize as c_int).get()
}

extern "C" fn python_malloc(context: *mut c_void, size: usize) -> *mut c_void {
    let before = python(context);
    asking(|| (before.malloc)(before.context, size))
}

extern "C" fn python_calloc(context: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let before = python(context);
    asking(|| (before.calloc)(before.context, count, size))
}

extern "C" fn python_realloc(context: *mut c_void, place: *mut c_void, size: usize) -> *mut c_void {
    let before = python(context);
    asking(|| (before.realloc)(before.context, place, size))
}

extern "C" fn python_free(context: *mut c_void, place: *mut c_void) {
    let before = python(context);
    (before.free)(before.context, place);
}

// --- Blocks ---

/// A block for so many bytes, if they belong here and there is room.
fn block_for(size: usize) -> Option<*mut u8> {
    if size <= SMALL || size > LARGEST - HEAD || ENDED.load(Relaxed) {
        return None;
    }
    // SAFETY: it takes nothing.
    if ASKED_BY.load(Relaxed) != unsafe { pthread_self() } {
        return None;
    }
    let steps = (size + HEAD).div_ceil(STEP);
    let first = FREE.get(steps)?;
    let free = first.load(Relaxed);
    if !free.is_null() {
        // SAFETY: the first word of a free block is the next one.
        first.store(unsafe { free.cast::<*mut u8>().read() }, Relaxed);
        return Some(free);
    }
    if CHUNK_LEFT.load(Relaxed) < steps * STEP {
        let rest = CHUNK_LEFT.swap(0, Relaxed);
        if rest > 0 {
            // SAFETY: a block of what is left, which nobody else has.
            unsafe { release(cut(rest / STEP)) };
        }
        CHUNK_START.store(take(CHUNK)? as usize, Relaxed);
        CHUNK_LEFT.store(CHUNK, Relaxed);
    }
    CHUNK_LEFT.store(CHUNK_LEFT.load(Relaxed) - steps * STEP, Relaxed);
    // SAFETY: there is so much left.
    Some(unsafe { cut(steps) })
}

/// # Safety
///
/// So many steps are left of the chunk.
unsafe fn cut(steps: usize) -> *mut u8 {
    let head = CHUNK_START.fetch_add(steps * STEP, Relaxed) as *mut u8;
    // SAFETY: as the caller says.
    unsafe {
        head.cast::<usize>().write(steps);
        head.add(HEAD)
    }
}

/// # Safety
///
/// It is a block.
unsafe fn room_of(block: *mut u8) -> usize {
    // SAFETY: before it stands its size.
    unsafe { block.sub(HEAD).cast::<usize>().read() * STEP - HEAD }
}

/// # Safety
///
/// It is a block, and nobody uses it any longer.
unsafe fn release(block: *mut u8) {
    // SAFETY: as the caller says.
    unsafe {
        let room = room_of(block);
        if let Some(original) = original(block) {
            // Nobody comes here any longer: as it was, its page may be dropped.
            ptr::copy_nonoverlapping(original, block, room);
        } else if let Some(free) = FREE
            .get((room + HEAD) / STEP)
            .filter(|_| !ENDED.load(Relaxed))
        {
            block.cast::<*mut u8>().write(free.load(Relaxed));
            free.store(block, Relaxed);
        }
    }
}
