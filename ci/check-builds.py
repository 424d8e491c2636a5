# SPDX-License-Identifier: MIT
"""check-builds.py MANIFEST...: manifests for builds.sr.ht are what it takes, as its manual says."""
import re
import sys

import yaml

KEYS = {
    'arch': str, 'artifacts': list, 'environment': dict, 'image': str, 'oauth': str, 'packages': list,
    'repositories': dict, 'secrets': list, 'shell': bool, 'sources': list, 'submitter': dict,
    'tasks': list, 'triggers': list,
}
IMAGES = r'(alpine|archlinux|debian|fedora|freebsd|netbsd|openbsd|ubuntu)(/[a-z0-9.]+)?'


def complaints(manifest):
    """What is wrong with one."""
    if not isinstance(manifest, dict):
        return ['it is not a mapping']
    found = []
    for key, value in manifest.items():
        if key not in KEYS:
            found.append('%s: there is no such key' % key)
        elif not isinstance(value, KEYS[key]):
            found.append('%s: a %s is wanted' % (key, KEYS[key].__name__))
    if not re.fullmatch(IMAGES, str(manifest.get('image'))):
        found.append('image: %s is none that is known' % manifest.get('image'))
    tasks = manifest.get('tasks') or []
    if not tasks:
        found.append('tasks: there are none')
    for task in tasks if isinstance(tasks, list) else []:
        if not (isinstance(task, dict) and len(task) == 1):
            found.append('tasks: each is one name with its script: %s' % task)
            continue
        (name, script), = task.items()
        if not re.fullmatch('[a-z0-9_-]{1,128}', str(name)):
            found.append('tasks: no name: %s' % name)
        if not isinstance(script, str):
            found.append('tasks: %s: a script is wanted' % name)
    return found


def main(names):
    bad = 0
    for name in names:
        with open(name, encoding='utf-8') as file:
            for complaint in complaints(yaml.safe_load(file)):
                print('%s: %s' % (name, complaint))
                bad = 1
    if len(names) > 4:
        print('%d manifests: of a push four are taken' % len(names))
        bad = 1
    return bad


sys.exit(main(sys.argv[1:]))
