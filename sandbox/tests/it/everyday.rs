//! What honest programs do all day works behind the filter, too.

use crate::fixture::Service;

#[tokio::test]
async fn libraries_and_their_threads_work() {
    let service = Service::start();
    let sandbox = service.create().await;
    let code = "
import faulthandler, sqlite3, ssl, matplotlib, numpy, pandas, psutil
faulthandler.enable()
matplotlib.use('agg')
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.savefig('/tmp/plot.png')
pandas.DataFrame({'a': range(1000)}).to_parquet('/tmp/table.parquet')
print(pandas.read_parquet('/tmp/table.parquet').a.sum(), numpy.linalg.svd(numpy.ones((200, 200)))[1][0] > 199)
store = sqlite3.connect('store.db')
store.execute('pragma journal_mode = wal')
store.execute('create table t (a)'); store.execute('insert into t values (1)'); store.commit()
print(store.execute('select count(*) from t').fetchone(), ssl.create_default_context() is not None)
print(psutil.virtual_memory().total > 0, psutil.cpu_count() > 0, list(psutil.net_if_addrs()))
";
    let output = sandbox.python(code).await;
    assert_eq!(
        output.stdout, "499500 True\n(1,) True\nTrue True ['lo']\n",
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn processes_of_every_kind_work() {
    let service = Service::start();
    let sandbox = service.create().await;
    let script = "cat > pools.py <<'END'
import asyncio, multiprocessing, os, pty, subprocess
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import shared_memory

def square(x): return x * x

async def child():
    process = await asyncio.create_subprocess_exec('echo', 'child', stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0]

if __name__ == '__main__':
    for method in ('fork', 'spawn', 'forkserver'):
        with multiprocessing.get_context(method).Pool(2) as pool: print(method, pool.map(square, range(3)))
    for executor in (ProcessPoolExecutor(2), ThreadPoolExecutor(4)):
        with executor: print(list(executor.map(square, range(3))))
    block = shared_memory.SharedMemory(create=True, size=100); block.close(); block.unlink()
    print(asyncio.run(child()), subprocess.check_output('echo shell', shell=True), flush=True)
    pty.spawn(['/bin/sh', '-c', 'test -t 0 && echo terminal'])
END
python pools.py";
    let output = sandbox.shell(script).await;
    let said = output.stdout.replace('\r', "");
    assert_eq!(
        said,
        "fork [0, 1, 4]\nspawn [0, 1, 4]\nforkserver [0, 1, 4]\n[0, 1, 4]\n[0, 1, 4]\nb'child\\n' b'shell\\n'\nterminal\n",
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn the_shell_and_its_tools_work() {
    let service = Service::start();
    let sandbox = service.create().await;
    let script = "set -e -m
sleep 60 & jobs > /dev/null; kill %1; wait %1 || true
mkfifo pipe; (echo piped > pipe) & cat pipe
mkdir one; echo x > one/file; ln one/file two; mv one three; cp -a three four; rm -r three
tar cf four.tar four && tar xf four.tar
echo out > /dev/stdout; echo gone > /dev/null; echo x > /dev/shm/file
python -m venv --without-pip own && own/bin/python -c 'print(1)'
pip --version | cut -d' ' -f1
echo done";
    let output = sandbox.shell(script).await;
    assert!(
        output.stdout.contains("piped\n") && output.stdout.ends_with("out\n1\npip\ndone\n"),
        "{output:?}"
    );
}
