# The loop of a bash context. The service writes NUL-terminated fields to stdin: a token, the number
# of environment variables, their names and values, the code. After each run the token and the exit
# code come back on both outputs, between NULs, which text does not contain.

exec {__conductor_in}<&0 {__conductor_out}>&1 {__conductor_err}>&2 </dev/null
declare -A __conductor_old=()
__conductor_token= __conductor_running= __conductor_status=0 __conductor_set=()

# An interrupt leaves the code's own loops too, and lands in the next turn of this one. Inside a
# function it can only leave that function; the service interrupts again if that was not enough.
trap 'if [[ $__conductor_running ]]; then if ((${#FUNCNAME[@]})); then return 130; fi; continue 99; fi' INT

while :; do
    __conductor_running=
    for __conductor_name in "${__conductor_set[@]}"; do
        if [[ -v __conductor_old[$__conductor_name] ]]; then
            export "$__conductor_name=${__conductor_old[$__conductor_name]}"
        else
            unset "$__conductor_name"
        fi
    done
    __conductor_set=() __conductor_old=()
    if [[ $__conductor_token ]]; then
        printf '\0%s %d\0' "$__conductor_token" "$__conductor_status" >&"$__conductor_err"
        printf '\0%s %d\0' "$__conductor_token" "$__conductor_status" >&"$__conductor_out"
    fi

    IFS= read -r -d '' -u "$__conductor_in" __conductor_token || exit 0
    IFS= read -r -d '' -u "$__conductor_in" __conductor_count || exit 0
    for ((__conductor_i = 0; __conductor_i < __conductor_count; __conductor_i++)); do
        IFS= read -r -d '' -u "$__conductor_in" __conductor_name || exit 0
        IFS= read -r -d '' -u "$__conductor_in" __conductor_value || exit 0
        [[ -v $__conductor_name ]] && __conductor_old[$__conductor_name]=${!__conductor_name}
        __conductor_set+=("$__conductor_name")
        export "$__conductor_name=$__conductor_value"
    done
    IFS= read -r -d '' -u "$__conductor_in" __conductor_code || exit 0

    __conductor_status=130 __conductor_running=yes
    eval "$__conductor_code"
    __conductor_status=$?
done
