//! The zygote's memory for Python's objects, laid out so that a fork can hand back what it copied.
//!
//! Python counts references within the objects, so a program that only looks at an object writes to
//! its page, and has a copy of that page from then on; when it has let go of the object, the copy is
//! equal to the original again. Here the originals are the pages of a file in memory, and a page
//! that is equal to its original is dropped: the next look finds the original.
//!
//! Everything here is called with the interpreter's lock held, and by no Python code in between, so
//! that nobody counts while pages are compared. A library, because the comparison and what follows
//! from it must not be Python themselves. Loaded by `pages.py`.

#![no_std]

use core::ffi::{c_char, c_int, c_long, c_uint, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::Relaxed};

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
const MADV_POPULATE_READ: c_int = 22;
const MFD_CLOEXEC: c_uint = 1;
const MFD_ALLOW_SEALING: c_uint = 2;
const F_ADD_SEALS: c_int = 1033;
/// Neither sealing, shrinking, growing nor writing from here on.
const SEALS: c_int = 0xf;
const O_CLOEXEC: c_int = 0o2_000_000;
/// What /proc/PID/pagemap says of a page: it is there, and it is one of a file.
const PRESENT: u64 = 1 << 63;
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
    fn mincore(at: *mut c_void, length: usize, there: *mut u8) -> c_int;
    fn memcmp(one: *const c_void, other: *const c_void, length: usize) -> c_int;
    fn memfd_create(name: *const c_char, flags: c_uint) -> c_int;
    fn ftruncate(file: c_int, length: c_long) -> c_int;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn pread(file: c_int, buffer: *mut c_void, length: usize, offset: c_long) -> isize;
    fn pwrite(file: c_int, buffer: *const c_void, length: usize, offset: c_long) -> isize;
    fn close(file: c_int) -> c_int;
    fn abort() -> !;
    fn PyObject_SetArenaAllocator(allocator: *const Allocator);
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

/// From here on Python's arenas lie in one range. Returns 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_begin() -> c_int {
    // SAFETY: a new mapping, and an allocator that lives as long as the process.
    unsafe {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        let start = mmap(ptr::null_mut(), ROOM, PROT_READ | PROT_WRITE, flags, -1, 0);
        if failed(start) {
            return -1;
        }
        START.store(start.cast(), Relaxed);
        let context = ptr::null_mut();
        PyObject_SetArenaAllocator(&Allocator {
            context,
            allocate,
            free,
        });
        0
    }
}

extern "C" fn allocate(_: *mut c_void, size: usize) -> *mut c_void {
    let taken = TAKEN.load(Relaxed);
    if !ENDED.load(Relaxed) && size % PAGE == 0 && taken + size <= ROOM {
        TAKEN.store(taken + size, Relaxed);
        return START.load(Relaxed).wrapping_add(taken).cast();
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

/// Ends the range where it is: further arenas come from elsewhere.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_end() {
    ENDED.store(true, Relaxed);
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
/// has a copy. Returns 0, or the step that failed; the process must end if it is not the first.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_settle() -> c_int {
    let (start, taken) = (START.load(Relaxed).cast::<c_void>(), TAKEN.load(Relaxed));
    if taken == 0 {
        return 0;
    }
    // SAFETY: what is mapped over the range is what was there, so every object stays as it is.
    unsafe {
        let file = memfd_create(c"python-zygote".as_ptr(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if file < 0 || ftruncate(file, taken as c_long) != 0 {
            return 1;
        }
        let mut done = 0;
        while done < taken {
            // Piece by piece, for it not to be there twice.
            let length = PIECE.min(taken - done);
            let piece = start.wrapping_byte_add(done);
            if !write(file, piece.cast(), length, done) {
                return 2;
            }
            let flags = MAP_PRIVATE | MAP_FIXED;
            if failed(mmap(
                piece,
                length,
                PROT_READ | PROT_WRITE,
                flags,
                file,
                done as c_long,
            )) {
                return 3;
            }
            done += length;
        }
        munmap(start.wrapping_byte_add(taken), ROOM - taken);
        if fcntl(file, F_ADD_SEALS, SEALS) != 0 {
            return 4;
        }
        // Private, too: older kernels share nothing of a sealed file, though only to be read.
        let originals = mmap(ptr::null_mut(), taken, PROT_READ, MAP_PRIVATE, file, 0);
        if failed(originals) {
            return 5;
        }
        close(file);
        map_all(start, taken / PAGE);
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

/// A file's pages are mapped at the first look; here, once, for all forks. Empty ones stay empty.
///
/// # Safety
///
/// There are so many pages of the file at `start`.
unsafe fn map_all(start: *mut c_void, pages: usize) {
    let mut there = [0_u8; 512];
    let mut page = 0;
    while page < pages {
        let count = there.len().min(pages - page);
        // SAFETY: so many pages are mapped, and there is a byte for each.
        unsafe {
            let first = start.wrapping_byte_add(page * PAGE);
            if mincore(first, count * PAGE, there.as_mut_ptr()) != 0 {
                return;
            }
            let mut at = 0;
            while at < count {
                let run = there[at..count]
                    .iter()
                    .take_while(|&&entry| entry & 1 == 1)
                    .count();
                if run > 0 {
                    madvise(
                        first.wrapping_byte_add(at * PAGE),
                        run * PAGE,
                        MADV_POPULATE_READ,
                    );
                }
                at += run.max(1);
            }
        }
        page += count;
    }
}

/// Drops the copies that are equal to their originals. Returns how many there were.
#[unsafe(no_mangle)]
pub extern "C" fn conductor_give_back() -> isize {
    let (start, originals) = (START.load(Relaxed), ORIGINALS.load(Relaxed));
    if originals.is_null() {
        return 0;
    }
    let pages = TAKEN.load(Relaxed) / PAGE;
    let first = start as usize / PAGE;
    let mut given = 0;
    let mut entries = [0_u64; 512];
    // SAFETY: the two ranges are mapped for good, and are as long as each other.
    unsafe {
        let pagemap = open(c"/proc/self/pagemap".as_ptr(), O_CLOEXEC);
        if pagemap < 0 {
            return -1;
        }
        let mut page = 0;
        while page < pages {
            let wanted = entries.len().min(pages - page) * 8;
            let offset = (first + page) * 8;
            let read = pread(
                pagemap,
                entries.as_mut_ptr().cast(),
                wanted,
                offset as c_long,
            );
            if read < 8 {
                break;
            }
            let read = read as usize / 8;
            for (at, entry) in entries.iter().enumerate().take(read) {
                if entry & (PRESENT | OF_A_FILE) != PRESENT {
                    continue; // it is the original
                }
                let here = (page + at) * PAGE;
                let copy = start.add(here).cast();
                if memcmp(copy, originals.add(here).cast(), PAGE) == 0 {
                    madvise(copy, PAGE, MADV_DONTNEED);
                    given += 1;
                }
            }
            page += read;
        }
        close(pagemap);
        // Nor are the originals kept mapped twice.
        madvise(originals.cast(), pages * PAGE, MADV_DONTNEED);
    }
    given
}
