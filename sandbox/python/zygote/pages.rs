//! The zygote's memory for Python's objects, laid out so that a fork can hand back what it copied.
//!
//! Python counts references within the objects, so a program that only looks at an object writes to
//! its page, and has a copy of that page from then on; when it has let go of the object, the copy is
//! equal to the original again. Here the originals are the pages of a file, and a page that is equal
//! to its original is dropped: the next look finds the original. A page that was only read is dropped
//! as well, so that what nobody uses now is in nobody's memory: the file is on disk, and the system
//! keeps of it what it has room for.
//!
//! Python asks its own allocator for objects up to 512 bytes, and the system's for larger ones. Both
//! are served from here while the libraries are loaded, and none later. Everything here is called
//! with the interpreter's lock held, and by no Python code in between, so that nobody counts while
//! pages are compared. A library, because the comparison and what follows from it must not be Python
//! themselves. Loaded by `pages.py`.

#![no_std]

mod blocks;

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::Relaxed};
use core::{mem, ptr};

const PAGE: usize = 4096;
/// Address space for arenas; nothing is taken before it is used.
const ROOM: usize = 1 << 30;
const PIECE: usize = 8 << 20;

/// Where the arenas lie, how much of it is taken, and, once it is settled, the originals.
static START: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicBool = AtomicBool::new(false);
static ORIGINALS: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

const PROT_READ: c_int = 1;
const PROT_WRITE: c_int = 2;
const MAP_PRIVATE: c_int = 2;
const MAP_FIXED: c_int = 0x10;
const MAP_ANONYMOUS: c_int = 0x20;
const MAP_NORESERVE: c_int = 0x4000;
const MADV_DONTNEED: c_int = 4;
const O_CLOEXEC: c_int = 0o2_000_000;
/// What /proc/PID/pagemap says of a page: it is there, it is elsewhere, it is one of a file.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_A_FILE: u64 = 1 << 61;

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        length: usize,
        rights: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
    fn munmap(at: *mut c_void, length: usize) -> c_int;
    fn madvise(at: *mut c_void, length: usize, advice: c_int) -> c_int;
    fn memcmp(one: *const c_void, other: *const c_void, length: usize) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn pread(file: c_int, buffer: *mut c_void, length: usize, offset: c_long) -> isize;
    fn pwrite(file: c_int, buffer: *const c_void, length: usize, offset: c_long) -> isize;
    fn close(file: c_int) -> c_int;
    fn abort() -> !;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A function of the interpreter; none in a program that is no Python, such as one that a wrapper
/// around it starts.
fn python_function(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: null stands for all that is loaded.
    let found = unsafe { dlsym(ptr::null_mut(), name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it takes nothing.
    unsafe { abort() }
}

/// `PyObjectArenaAllocator`.
#[repr(C)]
struct Allocator {
    context: *mut c_void,
    allocate: extern "C" fn(*mut c_void, usize) -> *mut c_void,
    free: extern "C" fn(*mut c_void, *mut c_void, usize),
}

fn failed(address: *mut c_void) -> bool {
    address as isize == -1
}

/// Loaded before the interpreter starts, so that what it makes for itself lies in the range, too.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOADING: extern "C" fn() = begin;

extern "C" fn begin() {
    conductor_begin();
}

/// From here on Python's objects lie in one range. Returns 0, or -1. Done when it is loaded, and
/// asked again by whoever wants to know.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_begin() -> c_int {
    if !START.load(Relaxed).is_null() {
        return 0;
    }
    let (Some(set_arenas), Some(functions)) = (
        python_function(c"PyObject_SetArenaAllocator"),
        blocks::Functions::find(),
    ) else {
        return -1;
    };
    // SAFETY: a new mapping, and an allocator that lives as long as the process; the function has the
    // signature that Python documents.
    unsafe {
        let set_arenas: unsafe extern "C" fn(*const Allocator) = mem::transmute(set_arenas);
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        let start = mmap(ptr::null_mut(), ROOM, PROT_READ | PROT_WRITE, flags, -1, 0);
        if failed(start) {
            return -1;
        }
        START.store(start.cast(), Relaxed);
        let context = ptr::null_mut();
        set_arenas(&Allocator {
            context,
            allocate,
            free,
        });
    }
    blocks::begin(functions);
    0
}

/// So much more of the range, if there is room.
fn take(size: usize) -> Option<*mut u8> {
    let taken = TAKEN.load(Relaxed);
    let fits = !ENDED.load(Relaxed) && size % PAGE == 0 && taken + size <= ROOM;
    fits.then(|| {
        TAKEN.store(taken + size, Relaxed);
        START.load(Relaxed).wrapping_add(taken)
    })
}

extern "C" fn allocate(_: *mut c_void, size: usize) -> *mut c_void {
    if let Some(arena) = take(size) {
        return arena.cast();
    }
    // SAFETY: a new mapping.
    let address = unsafe {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        mmap(ptr::null_mut(), size, PROT_READ | PROT_WRITE, flags, -1, 0)
    };
    if failed(address) {
        ptr::null_mut()
    } else {
        address
    }
}

extern "C" fn free(_: *mut c_void, address: *mut c_void, size: usize) {
    // SAFETY: Python frees what it had from `allocate`, with the same size, and nobody uses it.
    unsafe {
        if conductor_holds(address) {
            // It stays mapped: this range is always that of the originals.
            madvise(address, size, MADV_DONTNEED);
        } else {
            munmap(address, size);
        }
    }
}

/// Ends the range where it is, whatever is made later lies elsewhere. Returns its length in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_end() -> usize {
    ENDED.store(true, Relaxed);
    blocks::end();
    TAKEN.load(Relaxed)
}

/// What lay in the range at this place when it was settled.
fn original(place: *const u8) -> Option<*const u8> {
    let originals = ORIGINALS.load(Relaxed);
    let from_start = place as usize - START.load(Relaxed) as usize;
    (!originals.is_null()).then(|| originals.wrapping_add(from_start).cast_const())
}

/// Whether something at this address lies in the range.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_holds(address: *const c_void) -> bool {
    let from_start = (address as usize).wrapping_sub(START.load(Relaxed) as usize);
    from_start < TAKEN.load(Relaxed)
}

/// Empties pages that nobody reads again.
///
/// # Safety
///
/// Nobody may need what is in them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conductor_empty(address: *mut c_void, length: usize) {
    // SAFETY: as the caller says.
    unsafe { madvise(address, length, MADV_DONTNEED) };
}

/// Moves the range into a file, whose pages every process shares and none can change: who writes
/// has a copy. `writable` and `readable` are that file, which is empty and as long as the range.
/// Returns 0, or the step that failed; the process must end then.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_settle(writable: c_int, readable: c_int) -> c_int {
    let (start, taken) = (START.load(Relaxed).cast::<c_void>(), TAKEN.load(Relaxed));
    // SAFETY: what is mapped over the range is what was there, so every object stays as it is.
    unsafe {
        let mut done = 0;
        while done < taken {
            // Piece by piece, for it not to be there twice.
            let length = PIECE.min(taken - done);
            let piece = start.wrapping_byte_add(done);
            if !write(writable, piece.cast(), length, done) {
                return 1;
            }
            let flags = MAP_PRIVATE | MAP_FIXED;
            if failed(mmap(
                piece,
                length,
                PROT_READ | PROT_WRITE,
                flags,
                readable,
                done as c_long,
            )) {
                return 2;
            }
            done += length;
        }
        munmap(start.wrapping_byte_add(taken), ROOM - taken);
        let originals = mmap(ptr::null_mut(), taken, PROT_READ, MAP_PRIVATE, readable, 0);
        if failed(originals) {
            return 3;
        }
        ORIGINALS.store(originals.cast(), Relaxed);
    }
    0
}

/// Writes pages to their place in the file, but for empty ones, which take no memory there.
///
/// # Safety
///
/// So many bytes are mapped at `from`.
unsafe fn write(file: c_int, from: *const u8, length: usize, place: usize) -> bool {
    static EMPTY: [u8; PAGE] = [0; PAGE];
    (0..length).step_by(PAGE).all(|at| {
        // SAFETY: the page lies within the range.
        unsafe {
            let page = from.add(at).cast();
            memcmp(page, EMPTY.as_ptr().cast(), PAGE) == 0
                || pwrite(file, page, PAGE, (place + at) as c_long) == PAGE as isize
        }
    })
}

/// Drops the copies that are equal to their originals, and pages that were only read. Returns how
/// many copies there were.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_give_back() -> isize {
    let (start, originals) = (START.load(Relaxed), ORIGINALS.load(Relaxed));
    if originals.is_null() {
        return 0;
    }
    let length = TAKEN.load(Relaxed);
    let mut given = 0;
    // SAFETY: the two ranges are mapped for good, and are as long as each other.
    let looked = unsafe {
        drop_pages(start, length, |page, entry| {
            if entry & (PRESENT | OF_A_FILE) != PRESENT {
                return true; // it is the original
            }
            let original = originals.add(page.offset_from_unsigned(start));
            let is_equal = memcmp(page.cast(), original.cast(), PAGE) == 0;
            given += isize::from(is_equal);
            is_equal
        })
    };
    // SAFETY: as above; the originals are not kept mapped twice.
    unsafe { madvise(originals.cast(), length, MADV_DONTNEED) };
    if looked { given } else { -1 }
}

/// Drops the pages of a file that is mapped here, to be read or run and not to be written: its pages
/// come back at the next look.
///
/// # Safety
///
/// Nobody can write to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conductor_drop_file(start: *mut u8, length: usize) {
    // SAFETY: as the caller says.
    unsafe {
        drop_pages(start, length, |_, entry| {
            entry & (PRESENT | OF_A_FILE) != PRESENT
        });
    }
}

/// Drops those of a mapped file's pages that `is_original` says so of, by their place and their
/// entry in /proc/PID/pagemap. Those that are swapped are not asked about, and stay.
///
/// # Safety
///
/// So many bytes are mapped, and nobody writes to a page between the question and the answer.
unsafe fn drop_pages(
    start: *mut u8,
    length: usize,
    mut is_original: impl FnMut(*mut u8, u64) -> bool,
) -> bool {
    let mut entries = [0_u64; 512];
    // SAFETY: as the caller says.
    unsafe {
        let pagemap = open(c"/proc/self/pagemap".as_ptr(), O_CLOEXEC);
        if pagemap < 0 {
            return false;
        }
        let (mut at, mut kept) = (0, 0);
        while at < length {
            let wanted = entries.len().min((length - at) / PAGE) * 8;
            let offset = (start as usize + at) / PAGE * 8;
            let read = pread(
                pagemap,
                entries.as_mut_ptr().cast(),
                wanted,
                offset as c_long,
            );
            if read < 8 {
                break;
            }
            for &entry in entries.iter().take(read as usize / 8) {
                let page = start.add(at);
                if entry & SWAPPED != 0 || !is_original(page, entry) {
                    drop_run(start.add(kept), at - kept);
                    kept = at + PAGE;
                }
                at += PAGE;
            }
        }
        drop_run(start.add(kept), at.saturating_sub(kept));
        close(pagemap);
    }
    true
}

/// # Safety
///
/// Nobody needs what is in these pages but what the file has.
unsafe fn drop_run(start: *mut u8, length: usize) {
    if length > 0 {
        // SAFETY: as the caller says.
        unsafe { madvise(start.cast(), length, MADV_DONTNEED) };
    }
}
