//! Host bindings made from `wit/`: what a component may import beyond WASI and wasi:http.

wasmtime::component::bindgen!({
    path: "wit",
    world: "conductor:host/imports",
    imports: { default: async | trappable },
    with: {
        "fermyon:spin/key-value.store": crate::key_value::OpenStore,
        "wasi:keyvalue/store.bucket": crate::key_value::OpenStore,
        "wasi:keyvalue/atomics.cas": crate::key_value::CompareAndSwap,
    },
    require_store_data_send: true,
});

pub use fermyon::spin;
pub use wasi::keyvalue;
