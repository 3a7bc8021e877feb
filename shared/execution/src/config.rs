//! Where the sandbox service is, and what it is asked for.

use model::Secret;

/// The sandbox settings of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxConfig {
    /// Variable `sandbox_api_url`: the control API, without a trailing slash.
    pub api_url: String,
    /// Variable `sandbox_api_key`: sent as `X-API-KEY`.
    pub api_key: Secret,
    /// Variable `sandbox_data_url`: where envd and the interpreter answer; empty for
    /// `https://<port>-<id>.<domain of the create reply>`.
    pub data_url: String,
    /// Variable `sandbox_app_url`: an app's public address, with `{port}`, `{id}` and `{domain}`.
    pub app_url: String,
    /// Variable `sandbox_template`: E2B's `templateID`.
    pub template: String,
    /// Variable `sandbox_max_seconds`: the longest life that the service grants a sandbox.
    pub max_seconds: u64,
}

impl SandboxConfig {
    /// Reads the settings; `variable` gives the value of a Spin variable.
    pub fn read(variable: impl Fn(&str) -> String) -> Self {
        let url = |name: &str| variable(name).trim_end_matches('/').to_owned();
        Self {
            api_url: url("sandbox_api_url"),
            api_key: Secret::new(&variable("sandbox_api_key")),
            data_url: url("sandbox_data_url"),
            app_url: url("sandbox_app_url"),
            template: variable("sandbox_template"),
            max_seconds: variable("sandbox_max_seconds").parse().unwrap_or(3_600),
        }
    }

    /// Whether the service does not say which limit an execution hit: E2B's cloud, where every
    /// sandbox has hosts of its own. Ours says so, and has one address for all.
    pub(crate) fn leaves_limits_unnamed(&self) -> bool {
        self.data_url.is_empty()
    }

    /// The public address of port `port` of a sandbox.
    pub fn app_address(&self, sandbox: &model::session::SandboxRef, port: u16) -> String {
        self.app_url
            .replace("{port}", &port.to_string())
            .replace("{id}", &sandbox.id)
            .replace("{domain}", sandbox.domain.as_deref().unwrap_or_default())
    }

    /// The base address of a service port of a sandbox.
    pub fn data_address(&self, sandbox: &model::session::SandboxRef, port: u16) -> String {
        if !self.data_url.is_empty() {
            return self.data_url.clone();
        }
        let domain = sandbox.domain.as_deref().unwrap_or("e2b.app");
        format!("https://{port}-{}.{domain}", sandbox.id)
    }
}
